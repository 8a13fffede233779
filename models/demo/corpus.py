#!/usr/bin/env python3
"""Writes the demo model's synthetic corpus: chats about stories, facts, sums and tools.

Every line is made here from word lists by a seeded generator, so the corpus has no
source but this file. One document a line, as a JSON string, in the chat markup that
the model is trained on. The same arguments give the same bytes.

    corpus.py corpus.jsonl [--documents 120000] [--seed 1]
"""

import argparse
import json
import random

NAMES = (
    "Ada Ben Cleo Dora Emil Finn Gia Hugo Iris Jonas Kira Leo Mila Nora Otto Pia Quinn Rosa"
    " Sam Tess Uma Vera Will Yara Zoe"
).split()
ANIMALS = (
    "fox owl bear hare otter crab heron mole goat badger raven turtle seal lynx wren moth"
    " hedgehog whale donkey frog"
).split()
TRAITS = (
    "small brave curious sleepy gentle clever shy cheerful patient stubborn quiet kind old"
    " young careful lucky hungry lonely proud merry"
).split()
PLACES = [
    "the lighthouse", "the harbor", "the old mill", "the forest", "the meadow", "the mountain",
    "the river", "the island", "the library", "the garden", "the castle", "the beach",
    "the village", "the cave", "the bridge", "the train station", "the market", "the orchard",
    "the lake", "the windmill",
]
THINGS = [
    "a lantern", "a red kite", "a silver key", "a map", "a music box", "a broken clock",
    "a blue shell", "a tiny boat", "a warm scarf", "a golden acorn", "a jar of honey", "a drum",
    "a letter", "a paper star", "a loaf of bread", "a bell", "an old compass",
    "a box of paints", "a feather", "a round stone",
]
WEATHER = [
    "The wind was strong", "The rain fell softly", "The sun was warm", "The snow was deep",
    "A thick fog came in", "The stars were bright", "The moon was full", "The sky was clear",
    "A storm was near", "The morning was cold",
]
FEEL = "happy proud calm grateful safe hopeful glad warm brave content".split()
PROBLEM = [
    "{it} was lost", "{it} was stuck under a rock", "{it} had fallen into the water",
    "nobody knew where {it} belonged", "{it} would not work", "someone had hidden {it}",
    "{it} was too heavy to carry", "the way home was dark",
]
HELP = [
    "They worked together until it was done",
    "They looked in every corner and never gave up",
    "They asked the old {a} for advice",
    "They waited, listened, and tried again",
    "They made a plan and shared the work",
    "They followed the tracks step by step",
]
LESSON = [
    "a small light can show the way", "friends make hard things easy",
    "it is good to ask for help", "patience opens every door", "being kind is never wasted",
    "even a small step counts", "listening is a way of helping", "brave does not mean loud",
]
FACTS = [
    ("What color is the sky?", "The sky is blue on a clear day."),
    ("What color is grass?", "Grass is green."),
    ("How many legs does a spider have?", "A spider has eight legs."),
    ("How many days are in a week?", "There are seven days in a week."),
    ("What do bees make?", "Bees make honey."),
    ("Where do fish live?", "Fish live in water."),
    ("What is ice?", "Ice is frozen water."),
    ("What is the capital of France?", "The capital of France is Paris."),
    ("What is the capital of Japan?", "The capital of Japan is Tokyo."),
    ("What is the capital of Italy?", "The capital of Italy is Rome."),
    ("What is the capital of Spain?", "The capital of Spain is Madrid."),
    ("What is the largest ocean?", "The Pacific is the largest ocean."),
    ("What planet do we live on?", "We live on the planet Earth."),
    ("How many months are in a year?", "There are twelve months in a year."),
    ("What do plants need to grow?", "Plants need light, water and air."),
    ("Which season comes after winter?", "Spring comes after winter."),
    (
        "What is a bulkhead?",
        "A bulkhead is a wall inside a ship. If one part floods, the wall keeps the water out"
        " of the others.",
    ),
    (
        "Who are you?",
        "I am the demo model, a very small language model. I know short stories, small sums"
        " and a few facts.",
    ),
    (
        "What can you do?",
        "I can tell short stories, add small numbers, answer a few questions and call a tool.",
    ),
    ("Hello", "Hello! Ask me for a story."),
    ("Hi", "Hi! Would you like a short story?"),
    ("Thank you", "You are welcome."),
    ("Good morning", "Good morning! I hope your day is calm and bright."),
    ("How are you?", "I am well, thank you. How are you?"),
]
CITIES = (
    "Paris London Berlin Madrid Rome Vienna Lisbon Dublin Athens Warsaw Oslo Helsinki Tokyo"
    " Seoul Cairo Nairobi Lima Quito Boston Chicago Denver Toronto Sydney Mumbai"
).split()
SKIES = ["sunny", "cloudy", "rainy", "windy", "clear"]

TOOLS = {
    "get_weather": {
        "name": "get_weather",
        "description": "Current weather in a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            },
            "required": ["city"],
        },
    },
    "add": {
        "name": "add",
        "description": "Add two numbers",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
TOOL_SETS = [["get_weather"], ["get_weather", "add"], ["add", "get_weather"], ["add"]]
# The Hermes form, as template.jinja writes it.
TOOLS_HEAD = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are"
    " provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
TOOLS_TAIL = (
    "\n</tools>\n\nFor each function call, return a json object with function name and"
    " arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
)


def opening(r, name, animal, trait, place, thing):
    return r.choice([
        f"Once upon a time there was a {trait} {animal} named {name} who lived near {place}.",
        f"In {place.split(' ', 1)[1]} country, close to {place}, lived a {trait} {animal}"
        f" called {name}.",
        f"{name} was a {trait} {animal}, and {place} was home.",
        f"Long ago, by {place}, a {trait} {animal} named {name} kept {thing}.",
    ])


def discovery(r, name, place, thing):
    return r.choice([
        f"One day {name} found {thing} beside the path.",
        f"One evening {name} carried {thing} to {place}.",
        f"Every morning {name} dreamed of finding {thing}.",
        f"That year {name} was given {thing} by a stranger.",
    ])


def trouble(r, name, it):
    ends = [f", but {name} went out anyway.", " that night.", ", and the world was quiet."]
    weather = r.choice(WEATHER) + r.choice(ends)
    start = r.choice(["But ", "Then one day ", "Soon, however, "])
    return weather + " " + start + r.choice(PROBLEM).format(it=it) + "."


def friendship(r, name, friend, friend_name, trait):
    meeting = r.choice([
        f"A {trait} {friend} named {friend_name} came by and offered to help.",
        f"{name} called for {friend_name}, a {trait} {friend} who lived next door.",
        f'Just then {friend_name} the {friend} looked up and said, "Let us try together."',
    ])
    return meeting + " " + r.choice(HELP).format(a=r.choice(ANIMALS)) + "."


def ending(r, name, friend_name, place, it):
    end = r.choice([
        f"At last {name} and {friend_name} brought {it} back to {place}, and both felt"
        f" {r.choice(FEEL)}.",
        f"When the sun went down, {it} was safe, and {name} felt {r.choice(FEEL)}.",
        f"In the end everyone at {place} was {r.choice(FEEL)}, and {name} most of all.",
    ])
    return end + f" {name} learned that {r.choice(LESSON)}."


def story(r, animal=None, place=None, thing=None):
    """A story about what is given; the rest is drawn."""
    animal = animal or r.choice(ANIMALS)
    friend = r.choice([x for x in ANIMALS if x != animal])
    name, friend_name = r.sample(NAMES, 2)
    place = place or r.choice(PLACES)
    thing = thing or r.choice(THINGS)
    it = "the " + thing.split(" ", 1)[1]
    trait, friend_trait = r.sample(TRAITS, 2)
    return " ".join([
        opening(r, name, animal, trait, place, thing),
        discovery(r, name, place, thing),
        trouble(r, name, it),
        friendship(r, name, friend, friend_name, friend_trait),
        ending(r, name, friend_name, place, it),
    ])


def chat(turns, system=None):
    """Turns of (role, text) in ChatML."""
    if system:
        turns = [("system", system)] + turns
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)


def sum_turn(r):
    a, b = r.randint(0, 20), r.randint(0, 20)
    if r.random() < 0.5:
        ask = [f"What is {a} plus {b}?", f"What is {a} + {b}?", f"Add {a} and {b}."]
        return r.choice(ask), f"{a} plus {b} is {a + b}."
    a, b = max(a, b), min(a, b)
    ask = [f"What is {a} minus {b}?", f"What is {a} - {b}?"]
    return r.choice(ask), f"{a} minus {b} is {a - b}."


def story_turn(r):
    animal, place, thing = r.choice(ANIMALS), r.choice(PLACES), r.choice(THINGS)
    kind = r.randrange(5)
    one = ("an " if animal[0] in "aeiou" else "a ") + animal
    if kind == 0:
        ask = [
            "Tell me a story.", "Tell me a short story.", "A story, please.", "Write a story.",
        ]
        return r.choice(ask), story(r)
    if kind == 1:
        ask = [f"Tell me a story about {one}.", f"Write a short story about {one}."]
        return r.choice(ask), story(r, animal=animal)
    if kind == 2:
        return f"Tell me a story about {one} and {thing}.", story(r, animal=animal, thing=thing)
    if kind == 3:
        return f"Tell me a story about {place}.", story(r, place=place)
    ask = f"Write a story about {one} at {place} with {thing}."
    return ask, story(r, animal=animal, place=place, thing=thing)


def tools_system(names):
    lines = [json.dumps({"type": "function", "function": TOOLS[n]}) for n in names]
    return TOOLS_HEAD + "\n".join(lines) + TOOLS_TAIL


def weather_call(r):
    """(question, call, result, what to say of it)"""
    city = r.choice(CITIES)
    ask = r.choice([
        f"What is the weather in {city}?",
        f"How is the weather in {city} today?",
        f"Is it warm in {city}?",
    ])
    degrees, sky = r.randint(-5, 35), r.choice(SKIES)
    return (
        ask,
        {"name": "get_weather", "arguments": {"city": city}},
        json.dumps({"temperature": degrees, "sky": sky}),
        f"It is {sky} and {degrees} degrees in {city}.",
    )


def add_call(r):
    """As weather_call()."""
    a, b = r.randint(0, 99), r.randint(0, 99)
    ask = [f"Use the tool to add {a} and {b}.", f"Please add {a} and {b} with the tool."]
    return (
        r.choice(ask),
        {"name": "add", "arguments": {"a": a, "b": b}},
        str(a + b),
        f"The sum is {a + b}.",
    )


def tool_document(r):
    names = r.choice(TOOL_SETS)
    if r.random() < 0.5 and "get_weather" in names:
        ask, call, result, answer = weather_call(r)
    elif "add" in names:
        ask, call, result, answer = add_call(r)
    else:
        # A question that needs no tool.
        ask, answer = r.choice(FACTS)
        return chat([("user", ask), ("assistant", answer)], tools_system(names))
    turns = [
        ("user", ask),
        ("assistant", f"<tool_call>\n{json.dumps(call)}\n</tool_call>"),
    ]
    if r.random() < 0.5:
        turns += [
            ("user", f"<tool_response>\n{result}\n</tool_response>"),
            ("assistant", answer),
        ]
    return chat(turns, tools_system(names))


def turn(r):
    kind = r.random()
    if kind < 0.6:
        return story_turn(r)
    if kind < 0.8:
        return sum_turn(r)
    return r.choice(FACTS)


def document(r):
    kind = r.random()
    if kind < 0.12:
        return story(r)
    if kind < 0.24:
        return tool_document(r)
    turns = []
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        ask, answer = turn(r)
        turns += [("user", ask), ("assistant", answer)]
    systems = [None, None, "You are a helpful assistant.", "You tell short stories."]
    return chat(turns, r.choice(systems))


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("out", help="file to write, one JSON string a line")
    p.add_argument("--documents", type=int, default=120000)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    r = random.Random(args.seed)
    with open(args.out, "w", encoding="utf-8") as f:
        for _ in range(args.documents):
            f.write(json.dumps(document(r)) + "\n")


if __name__ == "__main__":
    main()
