"""A real server that speaks S3 (OpenStack Swift), on loopback in the device's tree: part of the program of a test."""

SWIFT = r"""
def swift():
    # One zone, one replica, one disk; keys as `tempauth` has them.
    etc, disk = Path("/etc/swift"), Path("/srv/node/d1")
    disk.mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n"
        "[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    for number, kind in enumerate(("account", "container", "object")):
        port = 6200 + number
        (etc / f"{kind}-server.conf").write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nmount_check = false\n"
            f"devices = /srv/node\nuser = root\n[pipeline:main]\npipeline = {kind}-server\n"
            f"[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        )
        ring = ("swift-ring-builder", f"{kind}.builder")
        for words in (("create", "4", "1", "0"), ("add", f"r1z1-127.0.0.1:{port}/d1", "1"), ("rebalance",)):
            subprocess.run((*ring, *words), cwd=etc, capture_output=True)
        assert (etc / f"{kind}.ring.gz").exists()
    (etc / "proxy-server.conf").write_text(
        "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = 8080\nworkers = 0\nuser = root\n"
        "[pipeline:main]\npipeline = cache s3api tempauth slo proxy-server\n"
        "[filter:cache]\nuse = egg:swift#memcache\n"
        "[filter:s3api]\nuse = egg:swift#s3api\ns3_acl = false\n"
        "[filter:tempauth]\nuse = egg:swift#tempauth\nuser_test_tester = testing .admin\n"
        "[filter:slo]\nuse = egg:swift#slo\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n"
    )
    log = open("/tmp/swift.log", "ab")
    kinds = ("account", "container", "object", "proxy")
    commands = [(f"swift-{kind}-server", etc / f"{kind}-server.conf") for kind in kinds]
    return [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]

def s3cmd(*arguments):
    place = ("--host=127.0.0.1:8080", "--host-bucket=127.0.0.1:8080", "--no-ssl", "--region=us-east-1")
    options = ("--access_key=test:tester", "--secret_key=testing", *place)
    done = subprocess.run(("s3cmd", *options, *arguments), capture_output=True, text=True)
    return [done.returncode, done.stdout + done.stderr]

def make_bucket():
    while (made := s3cmd("mb", "s3://school"))[0]:
        time.sleep(0.2)
    return made
"""
