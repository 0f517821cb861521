"""Why objects and entries are left out or `failed`, in the words of `docs/`."""

from typing import Final

EXCLUDED: Final = {
    "extension": "not an audio or video extension",
    "ambiguous_extension": "`.ts` `.dat` `.gif` `.swf`: name them in `include`, "
    "or in `exclude` to silence the note",
    "include": "no pattern of `include` matches",
    "exclude": "a pattern of `exclude` matches",
    "too_small": "smaller than `min_size`",
    "too_large": "larger than `max_size`",
    "too_young": "within the quiet time, so a later scan finds it; or younger than `--min-age`",
    "before_start": "last modified before `start`, or longer ago than `--max-age`",
    "directory": "the key ends with `/`",
    "empty": "zero bytes",
    "symlink": "a symbolic link",
    "archived": "an archive storage class, not restored",
    "key_not_utf8": "the key is not UTF-8, so no URL can name it",
    "other_watch": "an earlier watch of the file owns it",
    "junk": "left behind by file sharing or a recycle bin: a part of the key below the prefix "
    "begins with `._`, `.nfs` or `.Trash-`, or is `__MACOSX`, `.AppleDouble`, `#recycle`, `@eaDir` "
    "or `$RECYCLE.BIN`. An `include` pattern takes it only if the pattern names that part: `._*` "
    "does, `*.mp4` does not",
}
FAILURES: Final = {
    "refused": "VOD named it in `FailedFileURLs` as often as `max_attempts` allows",
    "file_url_too_long": "its URL has more than 1024 bytes; no call was made",
    "gone": "it was no longer in the bucket when VOD refused it",
    "archived": "it is in an archive storage class",
    "illegal_characters": "VOD refused a character of its title, description or tags",
    "bad_request": "VOD refused the call for this item",
}
