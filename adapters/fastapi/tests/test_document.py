"""What the OpenAPI document says of refused requests is what is answered."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from pydantic import BaseModel

from aegis_fastapi import install


class Report(BaseModel):
    ward: int


def make(app=None):
    app = FastAPI() if app is None else app
    install(app)

    @app.put("/reports/{number}")
    def put(number: int, report: Report) -> Report:
        return report

    return app


def the_schema(document, path="/reports/{number}", method="put"):
    """Of the answer to a request that is refused, with its media type."""
    ((media_type, content),) = document["paths"][path][method]["responses"]["422"]["content"].items()
    return media_type, document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]


def assert_fits(value, schema):
    """As JSON Schema says it, with the words that are used here."""
    if "anyOf" in schema:
        assert any(type(value) is {"string": str, "integer": int}[each["type"]] for each in schema["anyOf"])
        return
    assert type(value) is {"string": str, "integer": int, "object": dict, "array": list}[schema["type"]]
    if schema["type"] == "array":
        for each in value:
            assert_fits(each, schema["items"])
    if schema["type"] == "object":
        assert set(schema["required"]) <= value.keys() <= schema["properties"].keys()
        for name, inner in value.items():
            assert_fits(inner, schema["properties"][name])


def test_an_answer_is_as_the_document_says():
    app = make()
    with TestClient(app) as client:
        document = client.get("/openapi.json").json()
        answer = client.put("/reports/x", json={"ward": "north"})
    media_type, schema = the_schema(document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == media_type == "application/problem+json"
    assert len(answer.json()["errors"]) == 2
    assert_fits(answer.json(), schema)
    assert "ValidationError" not in str(document)
    assert app.openapi() == document, "the second time it is the same"


def test_a_handler_of_the_application_is_not_spoken_for():
    app = make()
    app.exception_handler(RequestValidationError)(lambda request, error: None)
    assert the_schema(app.openapi())[0] == "application/json"
    assert "HTTPValidationError" in app.openapi()["components"]["schemas"]


def test_what_the_application_says_of_422_stays():
    app = make()
    app.get("/own/{number}", responses={422: {"description": "not now"}})(lambda number: None)
    named = {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}
    app.get("/named/{number}", responses={409: {"description": "as others do", "content": named}})(lambda number: None)
    document = app.openapi()
    assert document["paths"]["/own/{number}"]["get"]["responses"]["422"] == {"description": "not now"}
    assert document["paths"]["/named/{number}"]["get"]["responses"]["409"]["content"] == named
    assert {"HTTPValidationError", "ValidationError"} <= document["components"]["schemas"].keys()
    assert the_schema(document)[0] == "application/problem+json"


def test_callbacks_and_mounted_applications_are_described_too():
    app, inner = FastAPI(), FastAPI()
    callbacks = FastAPI().router

    @callbacks.post("{$request.body.url}")
    def done(report: Report) -> None: ...

    @app.post("/orders", callbacks=callbacks.routes)
    def order(report: Report) -> None: ...

    @inner.put("/reports/{number}")
    def put(number: int) -> None: ...

    app.mount("/inner", inner)
    install(app)
    with TestClient(app) as client:
        outer_document, inner_document = client.get("/openapi.json").json(), client.get("/inner/openapi.json").json()
    assert "ValidationError" not in str(outer_document)
    assert the_schema(outer_document, "/orders", "post")[0] == "application/problem+json"
    assert the_schema(inner_document)[0] == "application/problem+json"
