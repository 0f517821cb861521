"""Redaction: nothing secret gets through, by name or by value, and ordinary text stays as it is."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher import redaction
from watcher.redaction import MASK, Redactor, redact, redact_value

SECRET = "S3cr3t+Key/With=Signs12345678"
AK = "LTAI5tExampleKeyId01"

NAMED = [
    f"https://vod.cn-shanghai.aliyuncs.com/?AccessKeyId={AK}&Action=RegisterMedia",
    f"http://b.oss.aliyuncs.com/k?OSSAccessKeyId={AK}&Expires=1",
    f"?Action=X&SecurityToken={AK}%2B%3D%3D&Version=1",
    f"url%3Fa%3D1%26Signature%3D{AK}%252B%26b%3D2",
    f"url%253Fa%253D1%2526Signature%253D{AK}%2526b%253D2",
    f'{{"AccessKeyId": "{AK}", "AccessKeySecret":"{AK}"}}',
    f'"{{\\"SecurityToken\\": \\"{AK}\\"}}"',
    f"%7B%22AccessKeySecret%22%3A%22{AK}%22%7D",
    f"{{'x-oss-security-token': '{AK}', 'Authorization': 'OSS {AK}:{AK}'}}",
    f"[('AccessKeyId', '{AK}'), ('Signature', '{AK}')]",
    f"x-oss-security-token: {AK}",
    f"security-token: {AK}",
    f"Authorization: OSS {AK}:c2ln{AK}",
    (
        "authorization: OSS4-HMAC-SHA256 "
        f"Credential={AK}/20260101/cn-shanghai/oss/aliyun_v4_request,Signature={AK}"
    ),
    f"OSS4-HMAC-SHA256 Credential={AK}/20260101/cn-shanghai/oss/aliyun_v4_request, Signature={AK}",
    f"x-oss-credential={AK}%2F20260101&x-oss-signature={AK}",
    f"b'GET / HTTP/1.1\\r\\nAuthorization: Basic {AK}\\r\\nSecurity-Token: {AK}\\r\\nDate: x'",
    f"<Error><OSSAccessKeyId>{AK}</OSSAccessKeyId><StringToSign>GET\n{AK}</StringToSign></Error>",
    f'{{"UploadAuth": "{AK}", "UploadAddress": "{AK}"}}',
    f"UploadAuth={AK}&x=1",
    f"ALIBABA_CLOUD_ACCESS_KEY_SECRET={AK}",
    f"access_key_secret = {AK}",
    f"&OIDCToken={AK}",
    f"http://user:{AK}@proxy.example.com:3128",
    f"Authorization: Bearer {AK}",
    f"'Proxy-Authorization': 'Basic {AK}'",
    f"OSS {AK}:c2lnbmF0dXJlLW9mLWl0",
    f"x-aliyun-ecs-metadata-token: {AK}",
    f'cut off: {{"SecurityToken": "{AK}',
    f"cut off: [('Signature', '{AK}",
    f"cut off: <AccessKeyId>{AK}",
]


@pytest.mark.parametrize("text", NAMED)
def test_a_value_named_like_a_secret_is_masked(text: str) -> None:
    masked = redact(text)
    assert AK not in masked
    assert MASK in masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "https://b.oss-cn-shanghai.aliyuncs.com/%E5%BD%B1/a%20b.mp4",
        "SignatureDoesNotMatch: the request signature we calculated does not match",
        "InvalidAccessKeyId.NotFound: Specified access key is not found.",
        "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET of a RAM user",
        "the signature, the key and the credentials: all wrong",
        "LoadCredential=access-key-id",
        "RequestId=25818875-5F78-4A13-BEF6-D7393642CA58",
    ],
)
def test_ordinary_sentences_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


def test_text_around_a_secret_stays_readable() -> None:
    assert redact(f"/?Action=X&Signature={AK}&Version=1") == "/?Action=X&Signature=***&Version=1"
    assert (
        redact(f'{{"AccessKeyId": "{AK}", "Region": "cn"}}')
        == '{"AccessKeyId": "***", "Region": "cn"}'
    )
    assert redact(f"x%26Signature%3D{AK}%26b%3D2") == "x%26Signature%3D***%26b%3D2"


def test_a_known_secret_is_masked_in_every_place_and_encoding() -> None:
    redactor = Redactor()
    redactor.remember(SECRET, "")
    once = quote(SECRET, safe="")
    lower = re.sub("%..", lambda found: found[0].lower(), once)
    for form in (SECRET, once, quote(SECRET), quote(once, safe=""), lower):
        assert redactor.redact(f"a {form} b") == f"a {MASK} b", form
    assert SECRET not in repr(redactor)


def test_only_the_latest_secrets_are_kept() -> None:
    redactor = Redactor()
    tokens = [f"token-number-{n:04}" for n in range(100)]
    for token in tokens:
        redactor.remember(token)
    assert redactor.redact(tokens[-1]) == MASK
    assert redactor.redact(tokens[0]) == tokens[0]


def test_words_too_short_to_be_a_secret_mask_nothing() -> None:
    redactor = Redactor()
    redactor.remember("mp4", "a")
    assert redactor.redact("a.mp4") == "a.mp4"


def test_a_field_named_like_a_secret_is_masked_whole_and_others_inside() -> None:
    value = {
        "SecurityToken": {"x": AK},
        "list": [f"Signature={AK}", 1, None, b"SecurityToken=" + AK.encode()],
        "n": 1.5,
    }
    masked = redact_value(value)
    assert AK not in repr(masked)
    assert masked == {
        "SecurityToken": MASK,
        "list": ["Signature=***", 1, None, "SecurityToken=***"],
        "n": 1.5,
    }


def test_a_hostile_text_is_masked_in_time_proportional_to_its_length() -> None:
    for piece in (
        "Signature",
        'Signature="',
        "Signature%3D%22",
        "<Signature>",
        "('Signature', '",
        "Authorization: ",
        "://a",
    ):
        redact(piece * 3000)


NAMES = [
    "Signature",
    "string to sign",
    "AccessKeyId",
    "security_token",
    "credential",
    "Authorization",
    "upload-auth",
]
VALUES = [
    "oss ",
    "acs ",
    "OSS key:0123456789abcdef0",
    "://u:p@h",
    "x1",
    " is ",
    "视频",
    "a",
    "\u017fignature",
    "to\u212aen",
]
PIECES = [*NAMES, *VALUES, *"=:\"'<>/\n(,)", "%3D", ", "]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_text_without_a_trigger_word_has_nothing_to_mask(text: str) -> None:
    """The quick look leaves out nothing that a pattern would mask."""
    masked = text
    for pattern in redaction._PATTERNS:
        masked = pattern.sub(redaction._masked, masked)
    assert redact(text) == masked
