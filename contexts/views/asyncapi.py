"""The AsyncAPI document, beside the OpenAPI schema."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from contexts.consumers import asyncapi
from contexts.views.base import ApiView
from contexts.views.errors import json_answer


class AsyncApiView(ApiView):
    """`GET schema/asyncapi/`: the messages of `/ws/contexts/`."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return json_answer(asyncapi.document(request.get_host(), request.is_secure()))
