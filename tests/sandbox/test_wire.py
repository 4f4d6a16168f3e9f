import pytest

from reconciler.sandbox.wire import Code


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        (40004000, 400, "ErrBadRequest"),
        (40004001, 400, "ErrParam"),
        (40104000, 401, "ErrUnauthorized"),
        (40104001, 401, "ErrSession"),
        (40304000, 403, "ErrForbidden"),
        (40404000, 404, "ErrNotFound"),
        (50004000, 500, "ErrInternalServer"),
        (50004001, 500, "ErrInternalDatabase"),
        (50004002, 500, "ErrInternalController"),
        (50004003, 500, "ErrInternalLicense"),
        (50104000, 501, "ErrNotImplemented"),
        (90004000, 500, "ErrUnknown"),
    ],
)
def test_a_code_has_the_documented_name_and_status(code, status, word):
    assert (Code(code).status, Code(code).word) == (status, word)
