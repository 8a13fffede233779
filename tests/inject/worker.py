#!/usr/bin/env python3
"""The n-th call of the system fails in a worker, for each n: its streams go on in another."""
import errno
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from inject import sweep

# It may die of what fails in it, the engine's code in most cases.
sweep('worker', [
    ('malloc', errno.ENOMEM, ['once']),
    ('mmap', errno.ENOMEM, ['once']),
    ('fcntl', errno.EMFILE, ['once']),
    ('pthread_create', errno.EAGAIN, ['once']),
    ('sendmsg', errno.EAGAIN, ['once', 'short']),
    ('sendmsg', errno.ENOBUFS, ['once']),
    ('recvmsg', errno.EINTR, ['once', 'short']),
    ('recvmsg', errno.ENOMEM, ['once']),
    ('write', errno.ENOSPC, ['once', 'short']),
], may_die_of=['ABRT', 'SEGV', 'KILL', 'BUS', 'FPE'])
