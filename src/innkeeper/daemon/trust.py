"""What authentication relies on, from the files that the settings name."""

from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificates

from innkeeper.commands.auth import Trust
from innkeeper.daemon.directory import Directory
from innkeeper.daemon.settings import Auth, SettingsError


def trust(auth: Auth) -> Trust:
    """Reads them. Raises SettingsError for what cannot be read."""
    folder = Path(auth.certificates) if auth.certificates else None
    if folder is not None and not folder.is_dir():
        raise SettingsError(f"auth.certificates must be a folder, not {folder}")
    files = sorted(folder.iterdir()) if folder is not None else []
    authorities = tuple(
        each for file in files if file.is_file() for each in _read("certificates", file)
    )
    own = auth.server_certificate
    directory = Directory(auth.ldap, auth.ldap_name, auth.ldap_authorities) if auth.ldap else None
    server = _read("server_certificate", Path(own))[0] if own else None
    return Trust(authorities, server, directory)


def _read(key: str, file: Path) -> list[Certificate]:
    try:
        return load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"auth.{key}: {file}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"auth.{key}: {file} is no certificate in PEM form: {error}") from None
