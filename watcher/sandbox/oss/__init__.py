"""The local OSS: requests, signatures, objects and listings."""
