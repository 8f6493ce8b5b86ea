"""A mail server made with aiosmtpd, driven line by line in JSON over stdin and stdout.

Prints {"port": N} once it listens, then {"received": {...}} for each mail whose text has come in, before it answers.
{"mode": M} on stdin changes how it behaves from then on, and is printed back:

accept          takes every mail
put-off-once    puts each recipient off once (451), then takes the mail
put-off         puts every recipient off (451), for ever
refuse          refuses every recipient (550), quoting the address as servers do
hold            takes a mail's text in and never answers
hang            answers no EHLO

Ends with its stdin.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

MODES = ["accept", "put-off-once", "put-off", "refuse", "hold", "hang"]


def say(**message):
    print(json.dumps(message), flush=True)


class Handler:
    def __init__(self, mode):
        self.mode = mode
        self.put_off = set()

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        if self.mode == "hang":
            await asyncio.Event().wait()
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mode == "refuse":
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if self.mode == "put-off" or (self.mode == "put-off-once" and address not in self.put_off):
            self.put_off.add(address)
            return f"451 4.7.1 <{address}>: Greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        text = message.get_body(preferencelist=("plain",))
        html = message.get_body(preferencelist=("html",))
        say(
            received={
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "tls": session.ssl is not None,
                "user": session.auth_data,
                "hello": session.host_name,
                "headers": {name.lower(): str(value) for name, value in message.items()},
                "text": text.get_content() if text else None,
                "html": html.get_content() if html else None,
            }
        )
        if self.mode == "hold":
            await asyncio.Event().wait()
        return f"250 2.0.0 Ok: queued for {envelope.rcpt_tos[0]}"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, default="accept")
    parser.add_argument("--certificate", help="PEM; without it there is no encryption")
    parser.add_argument("--key", help="PEM of its key")
    parser.add_argument("--implicit-tls", action="store_true", help="TLS from the first byte, no STARTTLS")
    parser.add_argument("--user", help="log-in required, as this user")
    parser.add_argument("--password")
    arguments = parser.parse_args()
    # What clients do wrong is theirs to tell.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    context = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)

    def authenticate(server, session, envelope, mechanism, data):
        user, password = data.login.decode(), data.password.decode()
        if (user, password) == (arguments.user, arguments.password):
            return AuthResult(success=True, auth_data=user)
        return AuthResult(success=False, handled=False)

    handler = Handler(arguments.mode)

    def session():
        starttls = context is not None and not arguments.implicit_tls
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=arguments.user is not None,
            auth_require_tls=starttls,
            authenticator=authenticate if arguments.user else None,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        session, "127.0.0.1", arguments.port, ssl=context if arguments.implicit_tls else None, reuse_address=True
    )
    say(port=server.sockets[0].getsockname()[1])
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        handler.mode = json.loads(line)["mode"]
        say(mode=handler.mode)
    server.close()


asyncio.run(main())
