"""The API's description: an OpenAPI document made from the models that the handlers use, and a page to read it."""
