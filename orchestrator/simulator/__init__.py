"""A small Microsoft Graph on this machine that misbehaves on request.

It knows what Microsoft documents and nothing of our code: a stand-in that shared code with the client would agree with
the client's mistakes.
"""
