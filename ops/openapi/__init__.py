"""The API's description: an OpenAPI document generated from the handlers' models, and its HTML page."""
