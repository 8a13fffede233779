"""Certificates for tests, by the openssl command, and who connects with them."""
import os
import shutil
import ssl
import subprocess


def can():
    return shutil.which('openssl') is not None


class Files:
    """cert.pem and key.pem in a folder, made there if they are not."""

    def __init__(self, folder, name='localhost'):
        self.folder = folder
        self.cert, self.key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
        if not os.path.exists(self.cert):
            self.make(name)

    def make(self, name='localhost', algorithm='ec'):
        """New ones, of that common name, in the place of the old."""
        kind = [algorithm]
        if algorithm == 'ec':
            kind += ['-pkeyopt', 'ec_paramgen_curve:prime256v1']
        subprocess.run(['openssl', 'req', '-x509', '-newkey', *kind, '-nodes', '-days', '30',
                        '-keyout', self.key + '.new', '-out', self.cert + '.new',
                        '-subj', f'/CN={name}', '-addext', 'subjectAltName=DNS:localhost'],
                       check=True, capture_output=True)
        os.chmod(self.key + '.new', 0o600)
        os.rename(self.key + '.new', self.key)
        os.rename(self.cert + '.new', self.cert)
        return self

    def context(self):
        """Of a client that trusts this one alone."""
        return ssl.create_default_context(cafile=self.cert)
