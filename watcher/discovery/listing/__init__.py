"""A bucket's listing: by ranges of keys, several at once, or page after page.

bucket      ranges, then pages if the bucket cannot list ranges
plan        the ranges that are left, and where to cut one
remembered  from remembered ranges to a plan          trust       whether their bytes are compared
parallel    several requests at once                  cutting     from a page to pieces
pager       one paced request, retried                sequential  page after page
snapshot    an inventory, in no order                 tuning      all figures, with their reasons
"""
