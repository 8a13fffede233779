#!/usr/bin/env python3
"""The n-th call of the system fails in the keeper, for each n, once and for ever."""
import errno
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from inject import sweep

BOTH = 'once', 'ever'
sweep('keeper', [
    ('malloc', errno.ENOMEM, ['once']),
    ('fork', errno.EAGAIN, BOTH),
    ('execve', errno.ENOENT, BOTH),
    ('pipe2', errno.EMFILE, BOTH),
    ('socketpair', errno.EMFILE, BOTH),
    ('memfd_create', errno.EMFILE, BOTH),
    ('mmap', errno.ENOMEM, BOTH),
    ('open', errno.EMFILE, BOTH),
    ('socket', errno.EMFILE, BOTH),
    ('bind', errno.ENOSPC, BOTH),
    ('listen', errno.EADDRINUSE, BOTH),
    ('fcntl', errno.EMFILE, BOTH),
    ('pidfd_open', errno.EMFILE, BOTH),
    ('epoll_create1', errno.EMFILE, BOTH),
    ('epoll_ctl', errno.ENOSPC, BOTH),
    ('epoll_wait', errno.EINTR, ['once']),
    ('readlink', errno.ENOENT, BOTH),
    ('prctl', errno.EPERM, BOTH),
    ('write', errno.ENOSPC, ['once', 'short']),
    ('read', errno.EINTR, ['once']),
    ('sendmsg', errno.ENOBUFS, BOTH),
    ('sendmsg', errno.EAGAIN, ['once', 'short']),
    ('recvmsg', errno.EINTR, ['once', 'short']),
    ('recvmsg', errno.ENOMEM, ['once']),
    ('setsockopt', errno.ENOMEM, BOTH),
    ('malloc', errno.ENOMEM, ['ever']),
], may_die_of=['KILL'])  # a worker that cannot be reached is replaced
