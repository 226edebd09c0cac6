"""Drives the simulator with Plivo's official Python client. Arguments: origin, auth id, auth token, a number of the account."""

import sys

import plivo
from plivo import exceptions
from plivo.rest import client as transport

origin, auth_id, auth_token, number = sys.argv[1:]

# The client takes its address from constants of its module.
for name in [name for name in vars(transport) if name.endswith(("_BASE_URI", "_FALLBACK_1", "_FALLBACK_2")) or name in ("PLIVO_API", "API_VOICE")]:
    value = getattr(transport, name)
    setattr(transport, name, origin + "/v1/Account" if value.endswith("/v1/Account") else origin)


def refused(kind, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except kind as error:
        return str(error)
    raise AssertionError("%s was not refused with %s" % (call, kind))


with plivo.RestClient(auth_id, auth_token, timeout=10) as client:
    account = client.account.get()
    assert account.auth_id == auth_id, account

    # Applications.
    app = client.applications.create(app_name="official", answer_url="http://192.0.2.1/answer", default_endpoint_app=True)
    assert app.message == "created" and app.app_id, app
    other = client.applications.create(app_name="other", answer_url="http://192.0.2.1/other")
    assert client.applications.get(app.app_id).app_name == "official"
    # Unless told otherwise, an update of this client takes the default flags away.
    changed = client.applications.update(app.app_id, answer_url="http://192.0.2.1/changed", default_endpoint_app=True)
    assert changed.message == "changed", changed
    assert client.applications.get(app.app_id).answer_url == "http://192.0.2.1/changed"
    assert len(client.applications.list(limit=5).objects) == 2

    # Endpoints.
    made = [client.endpoints.create(username="phone", password="secret1", alias="desk") for _ in range(3)]
    endpoint_id = made[0].endpoint_id
    assert made[0].message == "created" and made[0].username.startswith("phone"), made
    endpoint = client.endpoints.get(endpoint_id)
    assert endpoint.endpoint_id == endpoint_id and endpoint.sip_registered == "false", endpoint
    assert endpoint.application.endswith("/%s/" % app.app_id), endpoint.application
    assert endpoint.sip_uri == "sip:%s@phone.plivo.com" % endpoint.username
    assert client.endpoints.update(endpoint_id, alias="front", app_id=other.app_id).message == "changed"
    assert client.endpoints.get(endpoint_id).application.endswith("/%s/" % other.app_id)
    page = client.endpoints.list(limit=2, offset=0)
    assert len(page.objects) == 2 and page.meta.total_count == 4 and page.meta.next, page.meta
    client.endpoints.delete(endpoint_id)
    assert "not found" in refused(exceptions.ResourceNotFoundError, client.endpoints.get, endpoint_id)
    refused(exceptions.ResourceNotFoundError, client.endpoints.delete, endpoint_id)
    refused(exceptions.ValidationError, client.endpoints.create, username="phone", password="1", alias="a")

    # Numbers.
    assert client.numbers.update(number, app_id=app.app_id, alias="line").message == "changed"
    shown = client.numbers.get(number)
    assert shown.number == number and shown.alias == "line" and shown.application.endswith("/%s/" % app.app_id), shown
    client.numbers.update(number, app_id="")
    assert client.numbers.get(number).application is None
    assert [one.number for one in client.numbers.list(type="local").objects] == [number]
    refused(exceptions.ResourceNotFoundError, client.numbers.get, "15559999999")

    # The cascade, with and without.
    client.applications.delete(other.app_id, cascade=False)
    client.applications.delete(app.app_id, cascade=True)
    left = client.endpoints.list()
    assert len(left.objects) == 1, [one.username for one in left.objects]
    refused(exceptions.ResourceNotFoundError, client.applications.get, app.app_id)

with plivo.RestClient(auth_id, "wrong" * 8, timeout=10) as client:
    refused(exceptions.AuthenticationError, client.account.get)

print("done")
