"""Signing in and out, in the look of the pages and under their headers."""

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from contexts.pages.visiting import secured


class SignIn(LoginView):
    template_name = "pages/sign_in.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        # Rendered later by Django; its headers may be set now.
        return secured(response) if isinstance(response, HttpResponse) else response


class SignOut(LogoutView):
    """A POST; leads to the sign-in."""

    next_page = "sign-in"
