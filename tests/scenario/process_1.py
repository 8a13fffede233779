#!/usr/bin/env python3
"""As process 1 of a container the keeper buries orphans, and its own children by themselves."""
import errno
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import BIN, SANITIZE, Server, cases, children, fake_text, stat_of, until
from launch import FAKE, can, serves

LEAST, KILLS = 200, 8
ALONE = ('unshare', *([] if os.geteuid() == 0 else ['-r']), '--pid', '--fork', '--kill-child',
         '--mount-proc')
# Makes processes whose parents leave them, until it is told to stop; some die at once.
MAKE = f'''i=0
until [ $i -ge {LEAST} ] && [ -e "$0.stop" ]; do
	(sleep 0.0$((i % 10)) & )
	i=$((i + 1))
done
: >"$0.stopped"
'''


def zombies(pid):
    """How many children of pid are dead and not buried."""
    found = [stat_of(entry) for entry in os.listdir('/proc') if entry.isdigit()]
    return sum(1 for was in found if was and was[1] == 'Z' and was[2] == pid)


class First(Server):
    """It is process 1; what makes the orphans was started there before it."""

    def __init__(self, **more):
        shell = ('sh', '-c', 'sh -c "$0" "$1" & shift; exec "$@"', MAKE)
        super().__init__(wait=False, wrap=shell, launch=self.alone, **more)
        self.pid = until(lambda: next(iter(children(self.proc.pid)), None))
        self.wait_ready()

    def alone(self, args, env):
        args.insert(args.index(MAKE) + 1, os.path.join(self.dir, 'orphans'))
        return [*ALONE, *args], env

    def no_more(self):
        """All orphans are dead, and who made them."""
        open(os.path.join(self.dir, 'orphans.stop'), 'w').close()
        until(lambda: os.path.exists(os.path.join(self.dir, 'orphans.stopped')))
        until(lambda: len(children(self.pid)) == 2)

    def term(self):
        self.children()
        os.kill(self.pid, signal.SIGTERM)


def orphans_are_buried():
    with First(fake=FAKE) as s:
        s.no_more()
        until(lambda: zombies(s.pid) == 0, 5)
        assert s.complete(seed=1) and s.status()['keeper']['pid'] == 1


def its_own_children_are_not_stolen(env=None):
    """How they died is told of each, while orphans die beside them."""
    with First(fake='tokens 40\npause 2', env=env) as s:
        for i in range(KILLS):
            stream = s.stream(seed=i).until(1)
            s.kill_worker((signal.SIGKILL, signal.SIGQUIT)[i % 2])
            assert stream.rest() == fake_text(40, i)
        os.kill(s.front, signal.SIGKILL)
        s.wait_log('the front .* died: killed by SIGKILL')
        for name in 'KILL', 'QUIT':
            s.wait_log(f'its worker .* died: killed by SIG{name}', KILLS // 2)
        assert 'died: gone' not in s.log(), s.log()
        until(lambda: len(s.crashes()) == KILLS + 1)
        s.no_more()
        until(lambda: zombies(s.pid) == 0, 5)


def nor_where_a_timer_looks_for_their_death():
    """So long after the signal that whoever took all the dead would have been first."""
    if not SANITIZE:
        its_own_children_are_not_stolen({'LD_PRELOAD': os.path.join(BIN, 'libinject.so'),
                                         'INJECT': f'pidfd_open:1:ever:{errno.ENOSYS}'})


def elsewhere_other_children_are_not_ours():
    with Server(fake=FAKE, exe='embed', env={'EMBED_CASE': 'child'}) as s:
        s.kill_worker()
        serves(s)
        until(lambda: zombies(s.pid) == 1)  # the obituary is written by one of ours


if can(*ALONE, 'true'):
    cases(orphans_are_buried, its_own_children_are_not_stolen,
          nor_where_a_timer_looks_for_their_death, elsewhere_other_children_are_not_ours)
else:
    cases(elsewhere_other_children_are_not_ours)
    raise SystemExit(77)
