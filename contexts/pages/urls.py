"""The addresses of the pages."""

from django.urls import path

# Registers the converter of ids.
from contexts.admin import addresses  # noqa: F401
from contexts.pages import context, decisions, finding, home
from contexts.pages.signing import SignIn, SignOut

urlpatterns = [
    path("", home.home, name="home"),
    path("news/", home.news, name="news"),
    path("earlier/", home.earlier, name="earlier"),
    path("find/", finding.find, name="find"),
    path("decisions/", decisions.decisions, name="decisions"),
    path("contexts/<str:level>/<context_id:context_id>/", context.context, name="context"),
    path(
        "contexts/<str:level>/<context_id:context_id>/children/",
        home.children,
        name="context-children",
    ),
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
]
