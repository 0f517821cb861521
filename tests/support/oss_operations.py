"""Every operation that the API reference of OSS names, and which of them the sandbox offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watcher.sandbox.oss.routes import ROUTES, Level

if TYPE_CHECKING:
    from watcher.sandbox.oss.routes import Route

# Source: "List of operations by function", API reference of OSS. `GetBucketAcl` covers its V2 form.
_BY_FAMILY = """
ListBuckets DescribeRegions
PutBucket DeleteBucket ListObjects ListObjectsV2 GetBucketInfo GetBucketLocation GetBucketStat
PutBucketAcl GetBucketAcl
InitiateBucketWorm AbortBucketWorm CompleteBucketWorm ExtendBucketWorm GetBucketWorm
PutBucketLifecycle GetBucketLifecycle DeleteBucketLifecycle
PutBucketTransferAcceleration GetBucketTransferAcceleration
PutBucketVersioning GetBucketVersioning ListObjectVersions
PutBucketPolicy GetBucketPolicy GetBucketPolicyStatus DeleteBucketPolicy
PutBucketInventory GetBucketInventory ListBucketInventory DeleteBucketInventory
PutBucketLogging GetBucketLogging DeleteBucketLogging
PutBucketWebsite GetBucketWebsite DeleteBucketWebsite
PutBucketReferer GetBucketReferer
PutBucketTags GetBucketTags DeleteBucketTags
PutBucketEncryption GetBucketEncryption DeleteBucketEncryption
PutBucketRequestPayment GetBucketRequestPayment
PutBucketReplication GetBucketReplication GetBucketReplicationLocation GetBucketReplicationProgress
DeleteBucketReplication
PutBucketCors GetBucketCors DeleteBucketCors Options
PutCname ListCname DeleteCname CreateCnameToken GetCnameToken
PutBucketAccessMonitor GetBucketAccessMonitor
PutBucketHttpsConfig GetBucketHttpsConfig
PutPublicAccessBlock GetPublicAccessBlock DeletePublicAccessBlock
PutBucketResourceGroup GetBucketResourceGroup
OpenMetaQuery GetMetaQueryStatus DoMetaQuery CloseMetaQuery
PutStyle GetStyle ListStyle DeleteStyle
CreateAccessPoint GetAccessPoint ListAccessPoints DeleteAccessPoint
PutObject GetObject CopyObject AppendObject SealAppendObject DeleteObject DeleteMultipleObjects
HeadObject GetObjectMeta PostObject RestoreObject CleanRestoredObject SelectObject Callback
ProcessObject AsyncProcessObject
InitiateMultipartUpload UploadPart UploadPartCopy CompleteMultipartUpload AbortMultipartUpload
ListMultipartUploads ListParts
PutObjectAcl GetObjectAcl
PutSymlink GetSymlink
PutObjectTagging GetObjectTagging DeleteObjectTagging
PutLiveChannel ListLiveChannel DeleteLiveChannel PutLiveChannelStatus GetLiveChannelInfo
GetLiveChannelStat GetLiveChannelHistory PostVodPlaylist GetVodPlaylist
"""

_RESOURCES = {Level.SERVICE: "/", Level.BUCKET: "BUCKET", Level.OBJECT: "BUCKET/KEY"}


def offered() -> list[tuple[str, str, str]]:
    """Return name, request, and understood parameters and headers of each offered operation."""
    return [(route.name, _request(route), _understood(route)) for route in ROUTES]


def not_offered() -> list[list[str]]:
    """Return the names of the operations that are answered with 501, by family."""
    names = {route.name for route in ROUTES}
    if unknown := names - set(_BY_FAMILY.split()):
        raise ValueError(f"no operation of OSS: {', '.join(sorted(unknown))}")
    lines = _BY_FAMILY.strip().splitlines()
    rest = [[name for name in line.split() if name not in names] for line in lines]
    return [family for family in rest if family]


def _request(route: Route) -> str:
    query = "&".join(sorted(route.marks))
    header = f" with {route.header}" if route.header else ""
    return f"{route.method} {_RESOURCES[route.level]}{'?' * bool(query)}{query}{header}"


def _understood(route: Route) -> str:
    return ", ".join(f"`{name}`" for name in sorted(route.parameters | route.headers))
