#!/usr/bin/env python3
"""The n-th call of the system fails in the front, for each n, once and for ever."""
import errno
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from inject import sweep

BOTH = 'once', 'ever'
sweep('front', [
    ('malloc', errno.ENOMEM, ['once']),
    ('accept4', errno.EMFILE, BOTH),
    ('accept4', errno.ENOMEM, BOTH),
    ('accept4', errno.ECONNABORTED, ['once']),
    ('open', errno.EMFILE, BOTH),
    ('mmap', errno.ENOMEM, BOTH),
    ('fcntl', errno.EMFILE, BOTH),
    ('epoll_create1', errno.EMFILE, BOTH),
    ('epoll_ctl', errno.ENOMEM, BOTH),
    ('epoll_wait', errno.EINTR, ['once']),
    ('send', errno.EAGAIN, ['once', 'short']),
    ('send', errno.ENOBUFS, BOTH),
    ('recv', errno.EINTR, ['once', 'short']),
    ('recv', errno.ENOMEM, BOTH),
    ('sendmsg', errno.EAGAIN, ['once', 'short']),
    ('sendmsg', errno.ENOBUFS, BOTH),
    ('recvmsg', errno.EINTR, ['once', 'short']),
    ('recvmsg', errno.ENOMEM, ['once']),
    ('setsockopt', errno.ENOMEM, BOTH),
    ('write', errno.ENOSPC, ['once', 'short']),
    ('malloc', errno.ENOMEM, ['ever']),
], may_die_of=['ABRT', 'KILL'])  # a worker whose channel has failed is replaced
