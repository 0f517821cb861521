"""Reads answers of ListObjectsV2."""
