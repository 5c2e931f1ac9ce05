"""Support-style sentences: 40 to 160 tokens of them, which ones and how many follows from the seed."""

from litellm_plugins.simulator.draws import Draws

_OPENINGS = (
    "Thanks for reaching out",
    "Happy to help with that",
    "Good question, here is how it works",
    "Sorry for the trouble, let us sort this out",
    "Thank you for your patience",
    "I have looked into this for you",
    "Here is what I would suggest",
    "That is quick to put right",
)
_BODY = (
    "Open the settings page, choose your account and check that the details shown there are still current.",
    "If the option is greyed out, ask the owner of the workspace to grant you the billing role first.",
    "Changes made there take effect at once, but the next invoice will still show the previous plan.",
    "You will receive a confirmation by email; if it does not arrive, please look in the spam folder too.",
    "On a phone the same option is found under the profile picture in the upper right corner.",
    "Please sign out of every device and sign in again so that the new permissions are picked up.",
    "Nothing that you have stored will be lost, and you can go back to the previous state at any time.",
    "Should an error appear, note the time and the page and send both to us with a screenshot.",
    "Refunds go to the original payment method and usually appear within five to seven working days.",
    "For a delivery that is already on its way, the address can only be changed with the carrier.",
    "Most people find it easiest to start from the overview and to follow the steps that are shown.",
    "A copy of every document is kept under the history tab, sorted by date with the newest first.",
    "Should you share the account with a colleague, let them know before you change the password.",
    "The limit is counted per calendar month and starts again on the first day, in your own time zone.",
    "An export can take a few minutes; you may close the window, as the work continues without it.",
    "For security we ask for a second factor whenever a device is used here for the first time.",
)
_CLOSINGS = (
    "Let me know if anything is unclear.",
    "Is there anything else that I can do for you?",
    "Just reply here if it does not work.",
    "We are here around the clock if you need us.",
)
_MAX_BODY_SENTENCES = 5


def write(seed: bytes, reference_mark: str) -> tuple[str, ...]:
    """The sentences of an answer, each but the first with its leading space; joined they are the text.

    They are kept apart so that a tokenizer can cache each: a token never reaches across a sentence's end.
    The mark stands in the first, so that an answer that was cut short still has it.
    """
    draws = Draws(seed)
    opening = f"{draws.choice(_OPENINGS)} {reference_mark}."
    case = f" Your case number is {draws.below(10_000):04d}-{draws.below(10_000):04d}."
    start, count = draws.below(len(_BODY)), 1 + draws.below(_MAX_BODY_SENTENCES)
    stride = 1 + 2 * draws.below(len(_BODY) // 2)  # odd, so that no sentence of the 16 comes twice
    body = [f" {_BODY[(start + i * stride) % len(_BODY)]}" for i in range(count)]
    return (opening, case, *body, f" {draws.choice(_CLOSINGS)}")
