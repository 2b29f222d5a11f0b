"""Short questions of six classes, generated: `python benchmarks/questions.py questions.csv`.

What is asked for is the class: an abbreviation, a description, a thing, a person, a place or a
number. As in real questions, the first word decides little (`What` begins those of every class),
the word that decides is one of many, some of them rare, and subjects are shared by all classes.
"""

import csv
import random
import re
import sys

TRAIN, TEST = 5000, 1000
SHARES = {
    "entity": 23,
    "description": 22,
    "person": 22,
    "number": 16,
    "place": 15,
    "abbreviation": 2,
}

NAMES = """Marie Curie|Isaac Newton|Ada Lovelace|Leonardo da Vinci|Mozart|Shakespeare|Cleopatra|
Galileo|Frida Kahlo|Nelson Mandela|Charles Darwin|Jane Austen|Marco Polo|Beethoven|Napoleon|
Florence Nightingale|Abraham Lincoln|Agatha Christie|Vincent van Gogh|Alan Turing|Homer|Gandhi|
Rosa Parks|Johann Gutenberg|Emily Dickinson|Hannibal|Socrates|Confucius|Grace Hopper|Pele"""
PLACES = """Portugal|Kenya|the Nile|Lake Victoria|Iceland|Chicago|the Alps|Peru|Mongolia|Berlin|
the Sahara|New Zealand|Naples|Alaska|the Danube|Cuba|Vienna|Thailand|the Pacific Ocean|Oslo|Ghana|
Mount Everest|Texas|Scotland|the Amazon|Jamaica|Istanbul|Nepal|the Great Wall|Venice"""
THINGS = """the telephone|chocolate|a piano|the first bicycle|coffee|a comet|penicillin|the compass|
silk|a volcano|the steam engine|cheese|a glacier|the printing press|the microscope|a violin|tea|
gunpowder|a lighthouse|the parachute|rubber|a rainbow|the zipper|bread|an earthquake|porcelain|
the thermometer|a submarine|salt|a tornado|olive oil|the radio|a honeybee|the crossbow|ink"""
ANIMALS = """whale|giraffe|hummingbird|tortoise|penguin|octopus|camel|bat|spider|elephant|owl|
salmon|kangaroo|beaver|crocodile|ant|wolf|dolphin|snail|ostrich"""
EVENTS = """the French Revolution|the first moon landing|the Olympic Games of 1936|World War I|
the Great Fire of London|the fall of the Berlin Wall|the first World Cup|the Boston Tea Party|
the sinking of the Titanic|the Black Death|the battle of Waterloo|the California gold rush"""
WORKS = """Hamlet|War and Peace|the Mona Lisa|the Odyssey|Don Quixote|the Magic Flute|Guernica|
Moby Dick|the Moonlight Sonata|Faust|Frankenstein|the Jungle Book|Casablanca|the Last Supper"""
LETTERS = """NASA|UNESCO|laser|DNA|CPU|NATO|radar|HTML|FBI|scuba|AIDS|OPEC|BBC|GPS|ATM|PDF|RSVP|
IMF|USB|LED|BMW|SOS|ISBN|AM and PM|R.E.M.|IBM|VIP|UFO|FAQ|CD"""
PERSON = """actor|king|explorer|president|painter|scientist|composer|queen|author|woman|inventor|
athlete|poet|emperor|singer|astronaut|general|philosopher|architect|director|swimmer|pope|physician|
pilot|prime minister|dancer|boxer|sculptor|chess player|novelist|monk|mathematician|leader|outlaw|
company|team|university|tribe|band|newspaper"""
PLACE = """city|country|river|state|island|continent|mountain|lake|ocean|desert|capital|county|town|
province|planet|museum|valley|peninsula|street|volcano|strait|port|canyon|bay|village|airport|
cathedral|waterfall|region|square"""
ENTITY = """animal|sport|disease|language|color|instrument|flower|food|religion|bird|film|book|
metal|vegetable|currency|card game|song|breed of dog|gas|drink|fish|tree|fruit|body part|vitamin|
product|car|magazine|mineral|holiday|letter|opera|plant|spice|fabric|weapon|dance|insect|crop|
sea creature"""
COUNTED = """bones|legs|islands|languages|strings|teeth|moons|people|countries|plays|eggs|wives|
keys|calories|players|states|chromosomes|stars|stripes|rings|sisters|symphonies|hearts|floors"""
MEASURE = """population|height|length|average temperature|speed|weight|depth|birthday|area|
distance from the sun|boiling point|life expectancy|zip code|price|diameter|melting point|age"""
DONE = """discovered|invented|painted|wrote about|first used|made famous|banned|brought to Europe|
studied|described|drew|sold|stole|collected|gave up|destroyed"""
LIVED = """was born in|died in|came from|ruled|never saw|was buried in|sailed to|left|conquered"""
ABOUT = """used for|made of|called in French|famous for|worth|known for|shaped like"""

ADJECTIVES = """famous|old|small|first|great|young|strange|large|northern|royal|poor|rich|rare|
modern|early|American|European|ancient|common|red|black|lonely|lost|brave|secret"""
BEFORE = """According to a PERSON from PLACES ,|After the PERSON sold the ENTITY ,|In WORKS ,|
When the PERSON lost a ENTITY ,|In the PLACE of the PERSON ,|Before EVENTS ,|
In the story of NAMES ,|To the people of PLACES ,|
With the MEASURE of a PLACE in mind ,|In a PLACE with many COUNTED ,"""
AFTER = """that the PERSON saw in the PLACE|with the ENTITY and the COUNTED|that NAMES DONE|
in the PLACE where a PERSON LIVED PLACES|and its MEASURE|after EVENTS|like the ENTITY of a PERSON|
with a PERSON and a ANIMALS|that has a PLACE and a ENTITY|near a PLACE of PLACES"""
WORDS = {name: text.replace("\n", "").split("|") for name, text in list(globals().items())
         if name.isupper() and isinstance(text, str)}  # fmt: skip
HEADS = "PERSON", "PLACE", "ENTITY"

FORMS = {
    "abbreviation": """What does LETTERS stand for ?|What is the full form of LETTERS ?
What does the abbreviation LETTERS mean ?|What is LETTERS short for ?
What is the abbreviation of the company that sold THINGS ?|LETTERS is an acronym for what ?""",
    "description": """What is THINGS ?|How is THINGS made ?|Why did NAMES leave PLACES ?
What does the word PERSON mean ?|What is the origin of the word ENTITY ?|How does a ANIMALS sleep ?
What is the difference between a ANIMALS and a ANIMALS ?|Why do people in PLACES paint a ANIMALS ?
What caused EVENTS ?|What is a ENTITY ?|How did NAMES die ?|What was the purpose of EVENTS ?
What is NAMES famous for ?|How do you make THINGS ?|Why is the PLACE of PLACES so famous ?
What happened in PLACES after EVENTS ?|What effect does THINGS have on the body ?
Why does a PERSON need THINGS ?|What is the history of THINGS in PLACES ?
Can you explain how THINGS works ?|What is the story of WORKS about ?""",
    "entity": """What ENTITY did NAMES like best ?|What ENTITY comes from PLACES ?
What ENTITY is ABOUT THINGS ?|Which ENTITY was DONE by NAMES ?|What is a ANIMALS afraid of ?
Name the ENTITY of PLACES .|What kind of ENTITY is a ANIMALS ?|What was DONE by NAMES ?
What is the most popular ENTITY in PLACES ?|What is the fastest ENTITY in the world ?
What is the national ENTITY of PLACES ?|What does a ANIMALS eat ?|What is THINGS made of ?
In what ENTITY does the PERSON of WORKS appear ?|What do you call the young of a ANIMALS ?
What was the name of the ENTITY that NAMES DONE ?|What killed the people of PLACES ?
What ENTITY has the best THINGS ?|What other name is there for a ANIMALS ?
What are the colors of the flag of PLACES ?""",
    "person": """Who DONE THINGS ?|Who wrote WORKS ?|What PERSON DONE THINGS ?
Which PERSON LIVED PLACES ?|Who was the first PERSON to see PLACES ?|Who is NAMES ?
What is the name of the PERSON who DONE THINGS ?|Name the PERSON who LIVED PLACES .
What PERSON was the father of NAMES ?|Who was the PERSON of PLACES during EVENTS ?
What PERSON played the ENTITY in WORKS ?|Whose THINGS was DONE in PLACES ?
Which PERSON holds the record for the fastest ENTITY ?|Who owned the ANIMALS of NAMES ?
What PERSON is known for WORKS ?|What was the nickname of NAMES ?
Who won EVENTS ?|What famous PERSON said that a ANIMALS is like THINGS ?
What PERSON makes the ENTITY of PLACES ?|Who taught NAMES ?""",
    "place": """Where is PLACES ?|Where was NAMES born ?|What PLACE did NAMES live in ?
What PLACE is famous for THINGS ?|In which PLACE was THINGS DONE ?|Where did EVENTS begin ?
What is the largest PLACE in PLACES ?|Which PLACE has the most kinds of ANIMALS ?
What PLACE is the home of the ENTITY ?|Name a PLACE that borders PLACES .
Where does a ANIMALS live ?|What PLACE do you cross to get to PLACES ?
What is the capital of PLACES ?|Where can you see WORKS ?|Where was WORKS first shown ?
What PLACE was called the city of THINGS ?|Where does THINGS come from ?
In what PLACE is the grave of NAMES ?|What PLACE produces the best ENTITY ?""",
    "number": """When was NAMES born ?|How many COUNTED does a ANIMALS have ?
What is the MEASURE of PLACES ?|In what year did NAMES see PLACES ?|When did EVENTS end ?
How many COUNTED are there in PLACES ?|How far is it from PLACES to PLACES ?
How old was NAMES when he LIVED PLACES ?|What year was THINGS DONE ?|How long did EVENTS last ?
How much does THINGS weigh ?|What is the MEASURE of a ANIMALS ?|How tall is a ANIMALS ?
How hot is the PLACE of PLACES ?|What percentage of PLACES is ENTITY ?
What was the MEASURE of NAMES in the year of EVENTS ?|How many COUNTED did NAMES have ?
What date is the ENTITY of PLACES ?|How often does a ANIMALS drink ?
How fast is a ANIMALS ?|When was WORKS written ?|How much did NAMES pay for THINGS ?""",
}


def question(label, drawn):
    """A question of a class, often with a clause before or behind that decides nothing."""
    before, after = ([""] * 4 + WORDS[name] for name in ("BEFORE", "AFTER"))
    forms = FORMS[label].replace("\n", "|").split("|")
    form, mark = forms[int(len(forms) * drawn.random() ** 4)].rsplit(" ", 1)
    words = []
    for word in f"{drawn.choice(before)} {form} {drawn.choice(after)} {mark}".split():
        while word in HEADS and drawn.random() < 0.5:
            words.append(drawn.choice(WORDS["ADJECTIVES"]))
        if word in WORDS:  # those that stand first in their list are drawn more often
            word = WORDS[word][int(len(WORDS[word]) * drawn.random() ** 2)]
        words.append(word)
    text = re.sub(r"\ba (?=[aeiou])", "an ", " ".join(words))
    return text if drawn.random() < 0.8 else text.lower()


def questions(count, seed=0):
    """Different questions with their labels, in random order."""
    drawn, found = random.Random(seed), {}
    labels = list(SHARES)
    while len(found) < count:
        label = drawn.choices(labels, [SHARES[each] for each in labels])[0]
        found.setdefault(question(label, drawn), label)
    return list(found.items())


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *questions(TRAIN + TEST)])
