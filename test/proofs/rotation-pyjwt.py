"""A service in Python: checks tokens with PyJWKClient in its default settings. A line of JSON in, a line of JSON out."""

import json
import sys

import jwt

clients = {}
for line in sys.stdin:
    asked = json.loads(line)
    url, issuer, token = asked["url"], asked["issuer"], asked["token"]
    client = clients.get(url) or clients.setdefault(url, jwt.PyJWKClient(url))
    try:
        key = client.get_signing_key_from_jwt(token).key
        jwt.decode(token, key, algorithms=["RS256"], audience=issuer, issuer=issuer)
        refused = None
    except Exception as error:
        refused = f"{type(error).__name__}: {error}"
    print(json.dumps({"refused": refused}), flush=True)
