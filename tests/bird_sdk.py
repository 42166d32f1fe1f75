"""Bird's own SDK, whose generated models warn about a field's name when they are imported."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    import bird
    from bird import _exceptions as exceptions
    from bird import _generated as models
    from bird.resources import webhooks

__all__ = ["bird", "exceptions", "models", "webhooks"]
