#!/usr/bin/env python3
"""HTTPS: by curl, openssl and Python's ssl; and what is no TLS, is slow, or breaks off."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'lib'))
from bulkhead import DEADLINE, SANITIZE, SLOW, TLS_PORTS, Http, Server, cases, rss_kib, until
import tls

if not tls.can():
    print('skipped: no openssl command')
    sys.exit(77)

FOLDER = tempfile.mkdtemp(prefix='bulkhead-tls-')
FILES = tls.Files(FOLDER)


def plain(s):
    """A connection without TLS to the port that has it."""
    context = TLS_PORTS.pop(s.port)
    try:
        return Http(s.tcp)
    finally:
        TLS_PORTS[s.port] = context


def ask(h, n):
    h.request('POST', '/v1/completions', {'prompt': 'a', 'stream': True, 'max_tokens': n})


def run(*command, **more):
    return subprocess.run(command, capture_output=True, timeout=DEADLINE, **more)


def curl_speaks_to_it():
    with Server(tls=FILES) as s:
        assert 'https://127.0.0.1' in s.log()
        url = f'https://localhost:{s.port}'
        got = run('curl', '-sS', '--fail', '--cacert', FILES.cert, url + '/health')
        assert got.stdout == b'{"status":"ok"}', got
        got = run('curl', '-sS', '-N', '--cacert', FILES.cert, url + '/v1/completions', '-d',
                  '{"prompt":"Once","max_tokens":4,"stream":true}')
        assert got.stdout.endswith(b'data: [DONE]\n\n'), got
        got = run('curl', '-sS', url + '/health')
        assert got.returncode == 60, got  # nobody vouches for it
        # A body of megabytes both ways, in one piece.
        body = os.path.join(s.dir, 'body')
        with open(body, 'w') as f:
            f.write('{"prompt":"a","max_tokens":1,"echo":true,"pad":"' + 'x' * 4000000 + '"}')
        got = run('curl', '-sS', '--cacert', FILES.cert, url + '/v1/completions', '-d', '@' + body)
        assert b'"usage"' in got.stdout, got
        # The Unix sockets have no TLS.
        with Http(s.http_path) as h:
            h.request('GET', '/health')
            assert h.reply().status == 200


def only_what_is_good_is_spoken():
    with Server(tls=FILES) as s:
        def client(*options, said=b'GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'):
            return run('openssl', 's_client', '-connect', f'127.0.0.1:{s.port}',
                       '-CAfile', FILES.cert, '-ign_eof', *options, input=said)
        for options, version in (('-tls1_2',), b'TLSv1.2'), (('-tls1_3',), b'TLSv1.3'):
            got = client(*options)
            assert b'{"status":"ok"}' in got.stdout and version in got.stdout, got
            assert b'Verify return code: 0 (ok)' in got.stdout, got
        got = client('-alpn', 'h2,http/1.1')
        assert b'ALPN protocol: http/1.1' in got.stdout, got
        got = client('-alpn', 'h2')
        assert b'No ALPN negotiated' in got.stdout and b'{"status":"ok"}' in got.stdout, got
        for version in '-tls1_1', '-tls1':
            got = client(version, '-cipher', 'DEFAULT@SECLEVEL=0')
            assert b'{"status":"ok"}' not in got.stdout, got
        # "R" asks for a renegotiation, which is refused; nothing dies of it.
        client('-tls1_2', said=b'R\n')
        # A session goes on by its ticket.
        session = os.path.join(s.dir, 'session')
        client('-tls1_2', '-sess_out', session)
        got = client('-tls1_2', '-sess_in', session)
        assert b'Reused, TLSv1.2' in got.stdout, got
        assert s.metric('tls_failed_total') >= 2
        assert s.get('/health').status == 200


def plain_http_is_told_so():
    with Server(tls=FILES) as s:
        for method in 'GET', 'POST', 'HEAD':
            with plain(s) as h:
                h.request(method, '/health')
                status, headers = h.head()
                assert status == 400 and headers['connection'] == 'close', (status, headers)
                assert b'speaks HTTPS' in h.file.read()


def what_is_no_tls_ends():
    with Server(tls=FILES) as s:
        for junk in b'\0' * 100, b'\x16\x03\x01\xff\xff' + b'x' * 70000, b'\x80' * 50, \
                b'nonsense\r\n\r\n', os.urandom(2000), b'\x16\x03\x03\0\x04\1\0\0\0', \
                b'\x15\x03\x03\0\2\2\0':
            with plain(s) as h:
                try:
                    h.send(junk)
                    h.sock.shutdown(socket.SHUT_WR)
                    while h.sock.recv(65536):
                        pass
                except OSError:
                    pass
        assert s.get('/health').status == 200
        assert s.metric('connections') == 1


def a_slow_handshake_has_a_limit():
    """Ten seconds, however its bytes come; one that says nothing has no more."""
    with Server(tls=FILES) as s:
        begin = time.monotonic()
        drip, mute = plain(s), plain(s)
        hello = b'\x16\x03\x01\x02\0\1\0\1\xfc\3\3' + b'x' * 500

        def is_over():
            nonlocal hello
            try:
                drip.send(hello[:1])
                hello = hello[1:]
                drip.sock.setblocking(False)
                return drip.sock.recv(1) == b''
            except BlockingIOError:
                return False
            except OSError:
                return True
            finally:
                drip.sock.setblocking(True)
        until(is_over, 40 * SLOW, pause=0.3)
        assert 9 < time.monotonic() - begin
        assert mute.is_closed()
        drip.close()
        mute.close()


def a_reader_that_stops_parks_its_stream():
    with Server('--out-high', '16K', '--stall-timeout', '1s', tls=FILES,
                fake='tokens 100000\nsize 4000') as s:
        with s.http(rcvbuf=4096) as h:
            ask(h, 100000)
            until(lambda: s.metric('generations_parked_total') >= 1)
            until(lambda: s.metric('generations_cancelled_total') >= 1)
        # One that is slow, but reads, gets all of it, byte for byte.
    with Server('--out-high', '16K', tls=FILES, fake='tokens 600\nsize 4000') as s:
        with s.http(rcvbuf=4096) as h:
            ask(h, 600)
            assert h.head()[0] == 200
            until(lambda: s.metric('generations_parked_total') >= 1)
            events = list(h.events())
            assert len(events) == 602 and events[-1] == '[DONE]', (len(events), events[-1])


def a_client_that_goes_is_noticed():
    """Its end comes before the reset that its unread tokens cause."""
    with Server(tls=FILES, fake='tokens 100000\npause 1') as s:
        pid = s.front
        for n in range(1, 6):
            with s.http() as h:
                ask(h, 100000)
                assert h.head()[0] == 200
            s.wait_metric('generations_cancelled_total', n)
        assert s.front == pid


def half_closed_is_answered():
    with Server(tls=FILES) as s:
        raw = socket.create_connection(s.tcp, timeout=DEADLINE)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls_end = FILES.context().wrap_bio(incoming, outgoing, server_hostname='localhost')

        def flush():
            raw.sendall(outgoing.read())

        def more(what):
            while True:
                try:
                    return what()
                except ssl.SSLWantReadError:
                    if outgoing.pending:
                        flush()
                    got = raw.recv(65536)
                    incoming.write(got) if got else incoming.write_eof()
        more(tls_end.do_handshake)
        tls_end.write(b'POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n'
                      b'{"prompt":"Once","max_tokens":3}')
        flush()
        raw.shutdown(socket.SHUT_WR)
        assert b'HTTP/1.1 ' in more(lambda: tls_end.read(65536))
        raw.close()


def new_files_hold_for_new_connections():
    files = tls.Files(tempfile.mkdtemp(prefix='bulkhead-tls-'))
    with Server(tls=files, fake='tokens 20\nat token:3 hold') as s:
        with s.http() as h:
            ask(h, 20)
            assert h.head()[0] == 200
            events = h.events()
            next(events)
            files.make('renewed.example', 'rsa')
            s.proc.send_signal(signal.SIGHUP)
            s.wait_log('certificate of renewed.example')
            try:
                Http(s.tcp)
                raise AssertionError('the old certificate is still shown')
            except ssl.SSLError:
                pass
            TLS_PORTS[s.port] = files.context()
            assert s.get('/health').status == 200
            s.go()
            *_, last = events
            assert last == '[DONE]'
        # What cannot be used changes nothing.
        for name, text in ('key.pem', ''), ('key.pem', 'nonsense'), ('cert.pem', 'nonsense'):
            path = os.path.join(files.folder, name)
            with open(path) as f:
                good = f.read()
            with open(path, 'w') as f:
                f.write(text)
            n = s.log().count('what was read before stays')
            s.proc.send_signal(signal.SIGHUP)
            until(lambda: s.log().count('what was read before stays') > n)
            assert s.get('/health').status == 200
            if text == '':  # the next front has the good ones, whatever is in the files now
                pid = s.front
                os.kill(pid, signal.SIGKILL)
                until(lambda: s.front != pid)
                assert s.get('/health').status == 200
            with open(path, 'w') as f:
                f.write(good)
        other = tls.Files(tempfile.mkdtemp(prefix='bulkhead-tls-'))
        shutil.copy(other.key, files.key)
        s.proc.send_signal(signal.SIGHUP)
        s.wait_log('is not the key of|not that of the certificate')
        assert s.get('/health').status == 200
        # A front that comes after takes what is there.
        files.make('third.example')
        s.proc.send_signal(signal.SIGHUP)
        s.wait_log('certificate of third.example')
        TLS_PORTS[s.port] = files.context()
        pid = s.front
        os.kill(pid, signal.SIGKILL)
        until(lambda: s.front != pid)
        s.wait_log('certificate of third.example', 2)
        assert s.get('/health').status == 200
        shutil.rmtree(other.folder)
    shutil.rmtree(files.folder)


def files_that_cannot_be_used_end_the_start():
    empty = os.path.join(FOLDER, 'empty')
    open(empty, 'w').close()
    for cert, key, status, why in ((FILES.cert, None, 2, 'give both'),
                                   ('/none', FILES.key, 3, 'No such file'),
                                   (FILES.key, FILES.key, 3, 'no certificates'),
                                   (FILES.cert, FILES.cert, 3, 'private key'),
                                   (FILES.cert, empty, 3, 'empty'),
                                   (FOLDER, FILES.key, 3, 'no file')):
        options = ['--ssl-cert-file', cert, *(['--ssl-key-file', key] if key else [])]
        s = Server(*options, wait=False, expect=status)
        s.wait()
        assert s.proc.returncode == status and why in s.log(), (options, s.proc.returncode, s.log())


def connections_are_small():
    """What a thousand that say nothing cost the front; printed, and bounded."""
    n = 200
    with Server(tls=FILES) as s:
        held = [s.http() for _ in range(20)]  # what the first ones take is kept
        before = rss_kib(s.front)
        for _ in range(n):
            h = s.http()
            h.request('GET', '/health')
            assert h.reply().status == 200
            held.append(h)
        time.sleep(1.5)  # idle ones give their buffers back after a second
        each = (rss_kib(s.front) - before) / n
        print(f'{each:.1f} KiB a connection')
        assert SANITIZE or each < 32, each  # a sanitizer keeps what is freed
        for h in held:
            h.close()
        until(lambda: s.metric('connections') == 1)


try:
    cases(curl_speaks_to_it, only_what_is_good_is_spoken, plain_http_is_told_so,
          what_is_no_tls_ends, a_slow_handshake_has_a_limit, a_reader_that_stops_parks_its_stream,
          a_client_that_goes_is_noticed, half_closed_is_answered,
          new_files_hold_for_new_connections, files_that_cannot_be_used_end_the_start,
          connections_are_small)
finally:
    shutil.rmtree(FOLDER)
