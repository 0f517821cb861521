"""From the ledger to VOD and back: claim, call, settle.

worker        the loop: claim, call, count
claimer       which entries go next, and together; run_tally: the totals of a run
ticket        the leave to make one call; admission: who gets one; gate: whether it still holds
call          one call and its settlement; retry_times, settlement_log
breaker       the open breakers; verdict: which calls open and close them
placement     query or form body; placed: the calls that follow from it; bisect: find a bad item
rate_limit    how many calls a second; call_metrics: the code and seconds of each
give_up       when a one-shot ends without a decision; work_signal: when a daemon has work
"""
