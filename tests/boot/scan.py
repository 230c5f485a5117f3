"""Print every TCP port of an address that lets one in. Run on a device, by the test of neighbours."""

import resource
import select
import socket
import sys
import time

AT_ONCE = 4096
# A refusal comes at once; a port that does not answer was asked twice by then, after one second and after three.
PATIENCE_S = 5

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, AT_ONCE + 64), most))
for first in range(1, 65536, AT_ONCE):
    asked = {}
    poll = select.epoll()
    for port in range(first, min(first + AT_ONCE, 65536)):
        knocker = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        knocker.connect_ex((sys.argv[1], port))
        poll.register(knocker, select.EPOLLOUT)
        asked[knocker.fileno()] = (knocker, port)
    until = time.monotonic() + PATIENCE_S
    while asked and (left := until - time.monotonic()) > 0:
        for number, _event in poll.poll(left):
            knocker, port = asked.pop(number)
            if not knocker.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                print(port)
            knocker.close()
    for knocker, _port in asked.values():
        knocker.close()
    poll.close()
