"""The Chinese words of the tables in `docs/*.zh-CN.md`."""

from typing import Final

EXCLUDED: Final = {
    "extension": "不是音视频扩展名",
    "ambiguous_extension": "`.ts` `.dat` `.gif` `.swf`：写入 `include`，或写入 `exclude` "
    "以消除提示",
    "include": "不符合 `include` 的任何模式",
    "exclude": "符合 `exclude` 的某个模式",
    "too_small": "小于 `min_size`",
    "too_large": "大于 `max_size`",
    "too_young": "仍在静默期内，之后的扫描会发现它；或不足 `--min-age`",
    "before_start": "最后修改时间早于 `start`，或距今超过 `--max-age`",
    "directory": "键以 `/` 结尾",
    "empty": "零字节",
    "symlink": "软链接",
    "archived": "归档存储类型，且未解冻",
    "key_not_utf8": "键不是 UTF-8，无法用 URL 表示",
    "other_watch": "属于配置文件中更靠前的监视项",
    "junk": "文件共享或回收站留下的文件：前缀之后的某一级名称以 `._`、`.nfs` 或 `.Trash-` "
    "开头，或等于 `__MACOSX`、`.AppleDouble`、`#recycle`、`@eaDir` 或 `$RECYCLE.BIN`。"
    "只有写明该级名称的 `include` 模式才会选中它：`._*` 会，`*.mp4` 不会",
}
FAILURES: Final = {
    "refused": "VOD 在 `FailedFileURLs` 中拒绝它的次数达到 `max_attempts`",
    "file_url_too_long": "文件 URL 超过 1024 字节；没有发起调用",
    "gone": "VOD 拒绝时，对象已不在 Bucket 中",
    "archived": "对象为归档存储类型",
    "illegal_characters": "VOD 拒绝了标题、描述或标签中的某个字符",
    "bad_request": "VOD 因该条目拒绝了调用",
}
ENDPOINTS: Final = {
    "/": "给人看的页面：计数、积压与吞吐、扫描、熔断与配额、失败、搜索",
    "/search?q=TEXT": "按键（`oss://BUCKET/KEY`、其开头或其中一段）或媒资 ID 搜索条目",
    "/entry?bucket=BUCKET&key=KEY": "台账所知的某一条目的全部信息，以及接下来会做什么",
    "/livez": "200 `ok`；或 503 及原因：进程没有进展",
    "/readyz": "200 `ok`；或 503 及原因，每行一个原因及其处理办法：有工作未能完成",
    "/metrics": "供 Prometheus 抓取的指标，最多一秒前的数据",
    "/status.json": "与 `status --output-format json` 的输出相同",
}
SETTINGS: Final = {
    "timezone": '例如 "Asia/Shanghai"：用于计划、不带时差的时刻、标题中的日期、表格',
    "ledger.path": '相对于本文件所在目录，不能在网络文件系统上；"" 表示 ../state/ledger.db，'
    "但对 /etc/oss-vod-watcher 中的文件为 "
    "/var/lib/oss-vod-watcher/ledger.db（watcher.toml）或 "
    "/var/lib/oss-vod-watcher/NAME/ledger.db（NAME.toml）",
    "credentials.profile": "~/.aliyun/config.json 中的配置名。密钥按此顺序查找：systemd "
    "凭据（access-key-id、access-key-secret、security-token）、ALIBABA_CLOUD_*、OSS_*、"
    "OIDC（RRSA）、~/.aliyun/config.json、~/.alibabacloud、ECS 实例的 RAM 角色",
    "network.proxy": 'http://HOST:PORT，或 "env" 表示使用 HTTPS_PROXY 和 NO_PROXY',
    "network.ca_bundle": "代替公共证书而信任的证书（PEM）",
    "vod.region": "VOD 和每个 Bucket 的地域：VOD 只接受同一地域的 Bucket",
    "vod.endpoint": "默认 vod.<region>.aliyuncs.com；http:// 仅限回环地址",
    "vod.calls_per_second": "配额 50 由整个账号共用；限流时速率降低，之后自行恢复",
    "vod.concurrent_calls": "同时进行的 RegisterMedia 调用数上限",
    "vod.parameters_in": "RegisterMetadatas 编码后不超过 8,000 字节时放在查询串中，"
    '否则放在请求体中；VOD 拒绝请求体时改用较小的调用；也可固定为 "query" 或 "body"',
    "vod.timeout": "单次调用的超时。调大时，服务的 TimeoutStopSec= 须为其 3 倍；达到 30s "
    "及以上时，WatchdogSec= 须为其 4 倍",
    "retry.max_attempts": "文件变为 `failed` 之前被拒绝的次数；其他失败不计",
    "retry.first_delay": "每次失败后加倍，最多到 max_delay",
    "retry.max_delay": "也是两次试探调用之间的最长间隔",
    "http.listen": '`run` 的状态页和指标；"" = 关闭；修改后须重启',
    "http.allowed_hosts": "不监听回环地址时，状态页使用的主机名",
    "notify.url": "（以后）接收每个已注册或失败的媒资，用 notify-secret 签名",
    "log.format": "console、json 或 journal；auto = systemd 下为 journal，终端上为 console，"
    "否则为 json",
    "log.level": "debug、info、warning 或 error",
    "watch.name": "用于日志、指标和 `--watch NAME`；必填",
    "watch.source": "oss://BUCKET/PREFIX；必填",
    "watch.start": '"all"、"now"（台账保存的一个时刻）或一个时刻，如 "2026-01-31T00:00:00Z"；必填',
    "watch.endpoint": "默认 oss-<region>.aliyuncs.com；例如内网 "
    "oss-cn-shanghai-internal.aliyuncs.com",
    "watch.schedule": '用于 `run`：1s 或更长，或 crontab(5) 的五个字段："*/10 8-18 * * mon-fri"',
    "watch.full_scan_every": '每隔多久扫描一次而不使用已记住的区间；"0s" = 每次',
    "watch.include": '通配模式，例如 ["*.mp4", "2026/**/*.mov"]；留空 = VOD 的格式，不含 .ts '
    ".dat .gif .swf",
    "watch.exclude": '不含 "/" 的模式对应最后一级名称，含 "/" 的对应前缀之后的键；'
    '残留文件（._x、.nfs*、@eaDir 等）会被排除，除非 `include` 写明："._*"',
    "watch.min_size": "更小的文件会被排除",
    "watch.max_size": '更大的文件会被排除；"" = 不限',
    "watch.min_age": "修改时间更近的文件留待之后的扫描",
    "watch.on_overwrite": '记录已注册的文件被覆盖；或 "ignore"',
    "watch.list_concurrency": "同时进行的列举请求数上限；OSS 限流或无需那么多时会减少",
    "watch.list_calls_per_second": "OSS 对每个列举请求计费",
    "watch.file_url": "提交给 VOD 的文件 URL；有文件注册后不可再改",
    "watch.file_url_encoding": '或 "raw"',
    "watch.media.title": "{key} {name} {stem} {ext} {dir} {dirs[0]} {bucket} {size} "
    "{modified:%Y-%m-%d}",
    "watch.media.pattern": "对键使用的正则表达式；其中的组 (?P<show>...) 也成为字段：{show}；"
    "1 s 内不匹配时为空",
    "watch.media.description": "超过 1024 字节会截断；可用 title 的字段",
    "watch.media.tags": "最多 16 个，每个 32 字节；可用字段，description 和 cover_url 也一样",
    "watch.media.cate_id": '数字，或含有数字的字段："{cate}"',
    "watch.media.cover_url": "图片的地址",
    "watch.media.template_group_id": "不转码：可播放 MP4 FLV MP3 M3U8 WEBM；其他格式需要转码模板组",
    "watch.media.workflow_id": "优先于 template_group_id",
    "watch.media.user_data": '原样发送的 JSON：\'{"Extend": {"from": "oss"}}\'',
}
