"""nginx on the edge: TLS, and the three web processes behind it."""

from typing import Final

from deploy.local.certificates import Certificates, make_certificates
from deploy.local.hosts import EDGE, LOOPBACK
from deploy.local.plan import WEBS, Plan
from zavora.runner.embedded.privileges import own
from zavora.runner.processes import ProcessSpec, Stage, write_private

# What clients may call it.
NAMES: Final = ("localhost", LOOPBACK)

_CONFIGURATION: Final = """\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
  upstream web {{
    zone web 64k;
    least_conn;
{servers}
    keepalive 64;
    # Shorter than the web processes keep a connection that nobody uses (ZAVORA_KEEP_ALIVE_S).
    keepalive_timeout 5s;
  }}
  server {{
    listen {http};
    return 308 https://$host:{https_port}$request_uri;
  }}
  server {{
    listen {https} ssl http2;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;
    large_client_header_buffers 4 8k;
    client_max_body_size 1m;
    client_header_timeout 10s;
    client_body_timeout 10s;
    location / {{
      proxy_pass http://web;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_connect_timeout 1s;
      proxy_read_timeout 75s;
      # Only what reached no web process is sent to another; of what did, the client repeats.
      proxy_next_upstream error timeout;
      proxy_next_upstream_tries 3;
    }}
  }}
}}
"""


def write_nginx(plan: Plan) -> Certificates:
    """Write the configuration and what it needs; return the certificates."""
    folder = plan.folder(EDGE, "nginx")
    names = list(dict.fromkeys((*NAMES, plan.hosts[EDGE].address)))
    certificates = make_certificates(folder / "tls", names)
    servers = "\n".join(
        f"    server {plan.address(name)} max_fails=1 fail_timeout=2s;" for name in WEBS
    )
    text = _CONFIGURATION.format(
        servers=servers,
        http=plan.address("http"),
        https=plan.address("https"),
        https_port=plan.ports["https"],
        certificate=certificates.certificate,
        key=certificates.key,
    )
    write_private(folder / "nginx.conf", text)
    own(folder, plan.programs.run_as)
    return certificates


def nginx_spec(plan: Plan) -> ProcessSpec:
    """Return how to run it: as PostgreSQL is run, since it needs no more rights than that."""
    folder = plan.folder(EDGE, "nginx")
    argv = (
        *plan.programs.run_as.prefix,
        plan.programs.path("nginx"),
        *("-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"),
    )
    return plan.spec("nginx", argv, folder=folder, stage=Stage.WEB)
