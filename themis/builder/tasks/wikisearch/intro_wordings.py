"""How people ask for what an introduction says: wordings by relation, with the kind of their answers.

`intros` writes each of them with capitals or without, with its mark or without.
"""

from collections.abc import Mapping, Sequence

_LISTS = {
    "born": (
        "date",
        """
        when was {subject} born?
        when is {subject}'s birthday?
        what is the date of birth of {subject}?
        what is {subject}'s date of birth?
        when did {subject} come into the world?
        can you tell me when {subject} was born?
        tell me the birth date of {subject}
        {subject} was born when?
        birth date of {subject}
        on what date was {subject} born?
        """,
    ),
    "died": (
        "date",
        """
        when did {subject} die?
        what is the date of death of {subject}?
        when did {subject} pass away?
        what was {subject}'s date of death?
        can you tell me when {subject} died?
        tell me the date on which {subject} died
        {subject} died when?
        date of death of {subject}
        """,
    ),
    "birthplace": (
        "birthplace",
        """
        where was {subject} born?
        in what city was {subject} born?
        what is the birthplace of {subject}?
        in which place was {subject} born?
        what is {subject}'s place of birth?
        where does {subject} come from by birth?
        what town was {subject} born in?
        tell me where {subject} was born
        birthplace of {subject}
        {subject} was born where?
        """,
    ),
    "death place": (
        "birthplace",
        """
        where did {subject} die?
        in what city did {subject} die?
        what is the place of death of {subject}?
        in which place did {subject} die?
        where did {subject} pass away?
        tell me where {subject} died
        """,
    ),
    "occupation": (
        "occupation",
        """
        what is {subject}'s occupation?
        what is the profession of {subject}?
        what does {subject} do for a living?
        what kind of work is {subject} known for?
        what is {subject} known as?
        what is the occupation of {subject}?
        which profession did {subject} have?
        what was {subject} by profession?
        tell me the occupation of {subject}
        {subject} occupation
        """,
    ),
    "nationality": (
        "nationality",
        """
        what is {subject}'s nationality?
        what nationality is {subject}?
        what nationality was {subject}?
        what is the nationality of {subject}?
        which nationality does {subject} have?
        tell me the nationality of {subject}
        {subject} nationality
        """,
    ),
    "position": (
        "position",
        """
        what position does {subject} play?
        in which position does {subject} play?
        what position did {subject} play?
        which position is {subject} known to play?
        what is {subject}'s playing position?
        tell me the position {subject} plays
        """,
    ),
    "club": (
        "club",
        """
        which club does {subject} play for?
        who does {subject} play for?
        what team does {subject} play for?
        for which team does {subject} play?
        what is the club of {subject}?
        tell me the team {subject} plays for
        """,
    ),
    "county": (
        "county",
        """
        what county is {subject} in?
        in which county is {subject}?
        in what county is {subject} located?
        which county does {subject} lie in?
        {subject} is in what county?
        tell me the county {subject} belongs to
        """,
    ),
    "state": (
        "state",
        """
        what state is {subject} in?
        in which state is {subject} located?
        which state does {subject} belong to?
        in what state can {subject} be found?
        {subject} is in which state?
        """,
    ),
    "country": (
        "country",
        """
        what country is {subject} in?
        in which country is {subject}?
        in what country is {subject} located?
        which country does {subject} belong to?
        what country can {subject} be found in?
        {subject} is in which country?
        tell me the country of {subject}
        """,
    ),
    "district": (
        "district",
        """
        in which district, province, region or municipality is {subject}?
        which district, province, region or municipality does {subject} belong to?
        what administrative area is {subject} in?
        what area is {subject} part of?
        in what part of its country does {subject} lie?
        """,
    ),
    "tributary": (
        "river",
        """
        which river is {subject} a tributary of?
        what does {subject} flow into?
        {subject} is a tributary of which river?
        of what stream is {subject} a tributary?
        """,
    ),
    "family": (
        "family",
        """
        which family does {subject} belong to?
        what family is {subject} in?
        to which biological family does {subject} belong?
        what is the family of {subject}?
        {subject} is in which family?
        tell me the family that {subject} is placed in
        """,
    ),
    "describer": (
        "person",
        """
        who described {subject}?
        who first described {subject}?
        by whom was {subject} described?
        which scientist described {subject}?
        {subject} was described by whom?
        """,
    ),
    "described": (
        "year",
        """
        in which year was {subject} described?
        when was {subject} first described?
        what year was {subject} described?
        {subject} was described in what year?
        """,
    ),
    "director": (
        "person",
        """
        who directed {subject}?
        who is the director of {subject}?
        who was the director of {subject}?
        by whom was {subject} directed?
        which director made {subject}?
        {subject} was directed by whom?
        name the director of {subject}
        """,
    ),
    "film year": (
        "year",
        """
        what year did {subject} come out?
        when did {subject} come out?
        in which year was {subject} released?
        which year is {subject} from?
        {subject} came out in what year?
        what is the release year of {subject}?
        """,
    ),
    "performer": (
        "performer",
        """
        who recorded {subject}?
        who is {subject} by?
        which artist or band made {subject}?
        who released {subject}?
        which artist recorded {subject}?
        {subject} is by which artist?
        """,
    ),
    "released": (
        "date",
        """
        when was {subject} released?
        what is the release date of {subject}?
        when did {subject} come out?
        tell me when {subject} was released
        {subject} release date
        {subject} was released when?
        """,
    ),
    "author": (
        "person",
        """
        who wrote {subject}?
        who is the author of {subject}?
        by whom was {subject} written?
        which author wrote {subject}?
        name the author of {subject}
        {subject} was written by whom?
        """,
    ),
    "published": (
        "year",
        """
        when was {subject} published?
        in which year was {subject} first published?
        what year was {subject} published?
        {subject} was published in what year?
        """,
    ),
    "founded": (
        "year",
        """
        when was {subject} founded?
        in which year was {subject} established?
        what year was {subject} founded?
        since when does {subject} exist?
        {subject} was founded in what year?
        when was {subject} established?
        tell me the year in which {subject} was founded
        """,
    ),
    "founder": (
        "person",
        """
        who founded {subject}?
        who is the founder of {subject}?
        by whom was {subject} founded?
        name the founder of {subject}
        {subject} was founded by whom?
        """,
    ),
    "headquarters": (
        "place",
        """
        where is {subject} based?
        where are the headquarters of {subject}?
        in which city is {subject} based?
        what city is {subject} based in?
        {subject} is based where?
        """,
    ),
    "built": (
        "year",
        """
        when was {subject} built?
        in which year was {subject} built?
        what year was {subject} completed?
        {subject} was built in what year?
        """,
    ),
    "opened": (
        "date",
        """
        when did {subject} open?
        when was {subject} opened?
        what is the opening date of {subject}?
        {subject} opened when?
        """,
    ),
    "listed": (
        "date",
        """
        when was {subject} listed on the National Register of Historic Places?
        when was {subject} added to the National Register of Historic Places?
        since when is {subject} on the National Register of Historic Places?
        """,
    ),
    "location": (
        "place",
        """
        where is {subject}?
        where is {subject} located?
        in which place is {subject} situated?
        what is the location of {subject}?
        {subject} is located where?
        """,
    ),
    "population": (
        "number",
        """
        what is the population of {subject}?
        how many people live in {subject}?
        how many inhabitants does {subject} have?
        {subject} population
        """,
    ),
    "post office": (
        "year",
        """
        when was the post office at {subject} established?
        in which year did the post office of {subject} open?
        since what year did {subject} have a post office?
        """,
    ),
    "post office end": (
        "year",
        """
        until what year was there a post office at {subject}?
        when did the post office of {subject} close?
        until when did the post office at {subject} remain in operation?
        """,
    ),
    "held": (
        "date",
        """
        when was the {subject} held?
        on what date did the {subject} take place?
        when did the {subject} take place?
        what is the date of the {subject}?
        """,
    ),
    "winner": (
        "winner",
        """
        who won the {subject}?
        who was the winner of the {subject}?
        the {subject} was won by whom?
        """,
    ),
    "publisher": (
        "publisher",
        """
        who publishes {subject}?
        who is the publisher of {subject}?
        which company or society published {subject}?
        {subject} is published by whom?
        """,
    ),
    "developer": (
        "publisher",
        """
        who developed {subject}?
        which studio developed the game {subject}?
        who is the developer of the video game {subject}?
        """,
    ),
}

WORDINGS: Mapping[str, Sequence[str]] = {
    relation: tuple(line.strip() for line in lines.strip().splitlines()) for relation, (_, lines) in _LISTS.items()
}
KINDS: Mapping[str, str] = {relation: kind for relation, (kind, _) in _LISTS.items()}
"""The kind of a relation's answers, as the negative agent knows it."""
