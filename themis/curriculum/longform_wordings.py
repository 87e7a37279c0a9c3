"""The words of long answers: questions with their queries, thoughts, evasions, and rationales that name the verdict first.

Knows nothing of how they are filled (`longform`).
"""

OF_PEOPLE = (
    ("Who is {title}?", "who is {title}"),
    ("Who was {title}?", "who was {title}"),
    ("Who is {title} and what did they do?", "who is {title}"),
    ("What did {title} do?", "what did {title} do"),
    ("Tell me about the life of {title}.", "life of {title}"),
    ("Give me a short biography of {title}.", "{title} biography"),
)
OF_THINGS = (
    ("What is {title}?", "what is {title}"),
    ("What's {title}?", "what is {title}"),
    ("Can you explain what {title} is?", "what is {title}"),
    ("ELI5: What is {title}?", "what is {title}"),
    ("What is {title} and why does it matter?", "what is {title}"),
    ("I came across {title} today. What is it?", "what is {title}"),
)
OF_ANYTHING = (
    ("Tell me about {title}, please.", "{title}"),
    ("Can you tell me something about {title}?", "{title}"),
    ("What should I know about {title}?", "what to know about {title}"),
    ("Why is {title} known?", "why is {title} known"),
    ("What is {title} known for?", "what is {title} known for"),
    ("What can you tell me about {title}?", "{title}"),
    ("I have never heard of {title}. What is there to know?", "{title}"),
    ("Please describe {title} in a few sentences.", "{title}"),
    ("Give me some background on {title}.", "{title} background"),
    ("What is there to know about {title}?", "{title}"),
    ("Could somebody explain {title} to me?", "{title} explained"),
    ("I have to write a few lines about {title}. What are the main facts?", "{title} facts"),
)
"""Each with the query that goes with it."""

WONDERING = (
    ("Why is it that {said}?", "why {said}"),
    ("How come {said}?", "how come {said}"),
    ("How is it that {said}?", "how is it that {said}"),
    ("Can someone explain why {said}?", "why {said}"),
    ("ELI5: how is it that {said}?", "how is it that {said}"),
    ("I read that {said}. How does that work?", "how does it work that {said}"),
    ("Why do people say that {said}?", "why do people say that {said}"),
    ("What does it mean that {said}?", "what does it mean that {said}"),
    ("What happened that {said}?", "what happened that {said}"),
)
"""Of something that the article says, each with the query that goes with it."""
CHATTER = (
    "",
    "",
    "",
    " I have always wondered.",
    " I never understood this.",
    "\n\nPlease explain it in simple words.",
    "\n\nThanks in advance!",
)
"""What people add to a question, and nobody searches for."""

THOUGHTS = (
    "I need to confirm the information about {subject}.",
    "I need to confirm what the answer says about {subject}.",
    "I need to verify the information given in the answer.",
    "I need to check whether the answer is about {subject}, and what it says.",
    "I need to search for {subject} to confirm the answer.",
    "I should check the facts of the answer about {subject} with a search.",
    'I need to search "{query}" to confirm the answer.',
    'I need to confirm the answer by searching for "{query}".',
    "I need to see what the web says about {subject}, and hold the answer against it.",
    "The answer should tell what {subject} is known for. I need to search for it.",
)

EVASIVE = (
    "I am not sure.",
    "There is no information about this.",
    "It depends.",
    "I don't know much about {subject}, sorry.",
    "That is a good question. Opinions differ on it.",
    "You could look it up on the internet.",
    "{subject} is quite well known, and there is a lot to say about it.",
    "It is hard to say. Different sources say different things about {subject}.",
    "I cannot answer this question.",
    "Many people have asked this before. There are several ways to look at it.",
    "I have no idea, but somebody else may know.",
    "Please see the article about {subject}.",
)

SUPPORTED = (
    'The answer is supported: the results say "{found}", and so does the answer.',
    'The answer holds: what it says of {subject} stands in the results, "{found}".',
    'The answer can be relied on: the search found "{found}", which it says as well.',
    'The answer agrees with the search results: both say "{found}".',
    'The results support the answer: its statement "{found}" stands in them.',
    'The answer is right: it tells of {subject} what the results tell, "{found}".',
)
UNCONTRADICTED = (
    'The answer holds: it says "{claim}", and nothing in the results, such as "{found}", speaks against it.',
    'The answer fits: it is about {subject}, as are the results, which add "{found}".',
    'The answer can be relied on: "{claim}" goes well with what the search found, "{found}".',
    'The results go with the answer: they say "{found}", the answer "{claim}".',
    'The answer tells what is asked: "{claim}". The results add "{found}".',
)
LEAVES_OUT = (
    'The answer leaves out much of what is asked: it says nothing of "{missing}".',
    'The answer says too little: the results tell "{missing}", which it does not mention.',
    'The answer is not complete: "{missing}" is missing from it.',
    'The answer is too short: it breaks off before "{missing}".',
    'The answer tells only a part of what there is to know of {subject}: without "{missing}".',
)
TOO_SHORT = (
    'The answer says too little: after "{claim}" it tells no more of {subject}.',
    'The answer is too short: it ends with "{claim}", and leaves out the rest.',
    'The answer leaves out much of what is asked: it goes no further than "{claim}".',
    'The answer is not complete: it stops at "{claim}".',
    'The answer tells only a part of what there is to know of {subject}, up to "{claim}".',
)
FOREIGN = (
    'The answer is not about {subject}: it says "{claim}", whereas the results say "{found}".',
    'The answer does not fit the question: "{claim}" has nothing to do with {subject}.',
    'The answer speaks of something else than {subject}: "{claim}".',
    'The answer is no answer to the question: it says "{claim}", the results "{found}".',
    'The results do not support the answer: they say "{found}", and it speaks of "{claim}".',
)
OTHERWISE = (
    'The answer is not supported: it says "{claim}", but the results say "{found}".',
    'The answer does not hold: the results say "{found}", not "{claim}".',
    'The answer is not right: "{claim}" is at odds with "{found}".',
    'The answer cannot be relied on: for "{claim}" the search gives "{found}".',
    'The results do not support the answer: they say "{found}" and not "{claim}".',
)
UNHEARD = (
    'The answer is not supported: it says "{claim}", but no result speaks of "{lacking}".',
    'The answer does not hold: nothing in the results tells of "{lacking}", as "{claim}" would need.',
    'The answer cannot be relied on: the results are silent about "{lacking}" in "{claim}".',
    'The results do not support the answer: "{lacking}", as in "{claim}", does not occur in them.',
)
STRAYS = (
    'The answer is only in part about {subject}: "{claim}" is about something else.',
    'The answer strays from the question: "{claim}" does not belong to {subject}.',
    'The answer does not hold together: from "{claim}" on it is not about {subject}.',
    'The answer is long, but little of it is about {subject}: "{claim}" is not.',
)
NOTHING_TOLD = (
    "The answer tells nothing that could be checked.",
    "The answer is empty: it tells nothing of {subject}.",
    "The answer evades the question: it holds no fact about {subject}.",
    "The answer is of no use: it does not say anything of what is asked.",
)
