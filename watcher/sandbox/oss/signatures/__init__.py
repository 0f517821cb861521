"""Checks OSS signatures V1 and V4, in headers and in URLs, by the public description."""
