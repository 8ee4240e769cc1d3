#!/usr/bin/env python3
"""Signs people in to a real Open WebUI by every way it offers: password, directory (LDAP), identity provider (OpenID
Connect), trusted header, second factor, provisioning (SCIM), API key; each also failing.

    signin_flows.py [--gateway target/release/secureai-audit] [--record FILE] [--keep]

With --gateway everything passes our gateway, and the audit log is compared with what must be in it; without, the
exchanges are only recorded. Needs: an Open WebUI 0.12.4 (OPENWEBUI_VENV, or it is installed), slapd, node, npm, httpx.
"""
import argparse
import json
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from signin import flows  # noqa: E402
from signin.compare import compare  # noqa: E402
from signin.services import Services, free_port  # noqa: E402

TRUSTED = "X-User-Email"


def settings(directory, provider, base):
    return {
        "ENABLE_LDAP": "true", "LDAP_SERVER_HOST": "127.0.0.1", "LDAP_SERVER_PORT": str(directory), "LDAP_USE_TLS": "false",
        "LDAP_APP_DN": "cn=admin,dc=example,dc=test", "LDAP_APP_PASSWORD": "directory-admin", "LDAP_SEARCH_BASE": "ou=people,dc=example,dc=test",
        "OPENID_PROVIDER_URL": f"http://127.0.0.1:{provider}/.well-known/openid-configuration",
        "OAUTH_CLIENT_ID": "open-webui", "OAUTH_CLIENT_SECRET": "oidc-test-secret", "OAUTH_PROVIDER_NAME": "Test provider",
        "OPENID_REDIRECT_URI": f"{base}/oauth/oidc/login/callback", "WEBUI_URL": base,
        "ENABLE_OAUTH_SIGNUP": "true", "ENABLE_OAUTH_GROUP_MANAGEMENT": "true", "ENABLE_OAUTH_GROUP_CREATION": "true",
        "OAUTH_ALLOWED_DOMAINS": "example.test", "ENABLE_OAUTH_TOKEN_EXCHANGE": "true", "DEFAULT_USER_ROLE": "user",
    }


def run_all(base, journal, token_endpoint):
    root = flows.Browser(base, journal)
    sign_up = {"name": "Root", "email": "root@example.test", "password": "R00t-pass!!"}
    root.signed_in(root.do("the first account", "POST", "/api/v1/auths/signup", "auth.signup", "success", "root@example.test", json=sign_up))
    config = root.do("read the settings", "GET", "/api/v1/auths/admin/config", "config.read", "success", "root@example.test", headers=root.bearer()).json()
    root.do("new people are users", "POST", "/api/v1/auths/admin/config", "config.updated", "success", "root@example.test", headers=root.bearer(), json={**config, "DEFAULT_USER_ROLE": "user"})
    pia, pia_id = flows.by_password(root, base, journal)
    flows.refused(root, pia, pia_id, base, journal)
    flows.by_key(pia, base, journal)
    flows.by_directory(base, journal)
    olga, _ = flows.by_provider(base, journal, "olga@example.test")
    flows.by_exchange(base, journal, "olga@example.test", token_endpoint)
    olga.do("with the provider's session", "POST", "/api/v1/users/user/settings/update", "user.settings_updated", "success", "olga@example.test", {"groups": ["dept:Research", "oidc-people"], "department": "Research"}, json={"ui": {}})
    flows.by_provider(base, journal, "olga@example.test", ending="aborted", reason="access_denied")
    flows.by_provider(base, journal, "pia@example.test", ending="address taken", reason="already_registered")
    flows.by_provider(base, journal, "nomail@example.test", ending="no address", reason="sso_rejected")
    flows.by_provider(base, journal, "eve@elsewhere.test", ending="domain not allowed", reason="sso_rejected")
    flows.by_provider(base, journal, "olga@example.test", ending="state forged", reason="sso_rejected", tamper=lambda back: back.replace("state=", "state=x"))
    flows.by_provisioning(base, journal, "scim-test-token")
    flows.by_second_factor(root, pia, flows.claims_of(olga.token)["id"], base, journal)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--gateway")
    options.add_argument("--record")
    options.add_argument("--keep", action="store_true", help="keep the temporary folder")
    options = options.parse_args()
    folder = tempfile.mkdtemp(prefix="signin-flows.")
    try:
        return run(options, folder)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


def run(options, folder):
    print(f"files are in {folder}")
    journal = flows.Journal()
    ports = {name: free_port() for name in ("front", "owui", "mock", "ldap", "oidc")}
    upstream = f"http://127.0.0.1:{ports['owui']}"
    base = f"http://127.0.0.1:{ports['front']}" if options.gateway else upstream
    with Services(folder) as services:
        services.directory(ports["ldap"])
        services.provider(ports["oidc"], f"{base}/oauth/oidc/login/callback")
        openwebui = services.openwebui(ports["owui"], ports["mock"], settings(ports["ldap"], ports["oidc"], base))
        gateway = services.gateway(options.gateway, ports["front"], upstream) if options.gateway else None
        run_all(base, journal, f"http://127.0.0.1:{ports['oidc']}/token")
        services.stop(openwebui)
        # The second life of the same Open WebUI believes a header.
        services.openwebui(ports["owui"], ports["mock"], {"WEBUI_AUTH_TRUSTED_EMAIL_HEADER": TRUSTED, "WEBUI_AUTH_TRUSTED_NAME_HEADER": "X-User-Name", "DEFAULT_USER_ROLE": "user"})
        flows.by_trusted_header(base, journal, TRUSTED, trusted=not options.gateway)
        if gateway:
            services.stop(gateway.process)
            gateway = services.gateway(options.gateway, ports["front"], upstream, trusting=True)
            flows.by_trusted_header(base, journal, TRUSTED, trusted=True)
        if options.record:
            with open(options.record, "w") as out:
                out.writelines(json.dumps(step, ensure_ascii=False) + "\n" for step in journal.steps)
        if gateway:
            return compare(base, gateway.token, journal.steps, pathlib.Path(folder))
    for number, step in enumerate(journal.steps):
        print(f"{number:3} {step['status']} {step['method']:6} {step['target'][:60]:60} {step['what']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
