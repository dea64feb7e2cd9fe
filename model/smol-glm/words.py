"""The words that conversations are made of, each list split into a part for training and a part held out.

Values that a request carries (names, places, codes, texts) and the values that tools return come from here. The generator
draws every value through a `Words`, so a held-out conversation never holds a training name, and a list appears once.
"""

import json
import string
from dataclasses import dataclass
from random import Random

FIRST_NAMES = """Alice Bruno Chen Dana Elena Farid Grace Hugo Ines Jonas Karin Leo Mia Noor Omar Priya Quinn Rosa Sven Tara
Uma Viktor Wendy Xavier Yara Zoe Adam Bella Carlos Diego Emma Felix Gina Hana Igor Jade Kofi Lena Marco Nina Otto Paula
Ravi Sara Tom Ursula Vera Walter Yusuf Zara Ben Clara David Ella Frank Greta Henry Isla Jack Kate Liam Maya Nora Oscar""".split()
LAST_NAMES = """Smith Okafor Novak Rossi Tanaka Berg Silva Kowalski Haddad Nguyen Larsen Moreau Fischer Costa Ivanova Patel
Jensen Murphy Kim Weber Lopez Adeyemi Cohen Dubois Ricci Stone Walsh Young Park Evans""".split()
CITIES = (
    """Paris Berlin Tokyo Oslo Lima Cairo Madrid Seoul Toronto Dublin Vienna Lagos Mumbai Sydney Athens Prague Boston
Quito Hanoi Zurich Naples Leeds Porto Riga Accra Bogota Denver Kyoto Milan Osaka Helsinki Warsaw Geneva Lyon Seville
Chicago Dallas Austin Perth Cardiff Bergen Turin Ghent Malmo Izmir Tunis Havana Manila Delhi Nairobi""".split()
    + ["New York", "San Diego", "Cape Town", "Mexico City", "Buenos Aires", "Hong Kong", "Los Angeles", "Santa Fe"]
)
COUNTRIES = """France Germany Japan Norway Peru Egypt Spain Canada Ireland Austria Nigeria India Australia Greece Chile
Brazil Kenya Poland Portugal Sweden Turkey Vietnam Mexico Italy Ghana Iceland""".split()
PRODUCTS = """laptop;umbrella;coffee maker;desk lamp;bicycle;guitar;rain jacket;tent;keyboard;backpack;blender;camera;
notebook;office chair;headphones;watch;water bottle;running shoes;printer;toaster;sofa;phone case;board game;kettle;
sleeping bag;microscope;drill;garden hose;yoga mat;suitcase;sunglasses;winter coat;frying pan;monitor;router""".replace(
    "\n", ""
).split(";")
FOODS = """milk;eggs;brown rice;olive oil;tomatoes;oat milk;bread;green apples;cheddar;pasta;chicken breast;bananas;
dark chocolate;coffee beans;honey;butter;potatoes;spinach;yoghurt;salmon""".replace("\n", "").split(";")
TOPICS = """volcanoes;jazz;black holes;sourdough bread;chess openings;glaciers;solar power;coral reefs;opera;beekeeping;
rockets;green tea;robots;marathons;castles;electric cars;whales;origami;Roman roads;honey bees;the French Revolution;
machine learning;wild mushrooms;sleep;garden birds""".replace("\n", "").split(";")
TITLES = """The Silent River;Blue Horizon;Night Train;A Winter Garden;Lost in Maps;Golden Hour;The Last Lighthouse;Paper Moon;
Second Harvest;Echoes;Glass Mountain;Summer Rain;The Clockmaker;Northern Lights;Small Hours""".replace("\n", "").split(
    ";"
)
COMPANIES = """Acme;Northwind;Globex;Initech;Bluebird Labs;Vertex;Sunrise Foods;Ironclad;Harbor & Co;Pine Street Bank;
Lumen;Orchard Media;Redwood Tools;Kestrel Air;Polar Freight""".replace("\n", "").split(";")
ROOMS = ["kitchen", "bedroom", "living room", "office", "garage", "hallway", "bathroom", "nursery", "basement", "attic"]
COLORS = ["red", "green", "blue", "yellow", "purple", "orange", "white", "black", "silver", "turquoise"]
LANGUAGES = [
    "French",
    "German",
    "Spanish",
    "Italian",
    "Japanese",
    "Portuguese",
    "Polish",
    "Swedish",
    "Turkish",
    "Korean",
]
CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "SEK", "NOK", "INR", "BRL", "PLN", "AUD"]
MESSAGES = """I will be ten minutes late;the meeting moved to Thursday;please bring the blue folder;dinner is at eight;
happy birthday;the keys are under the mat;I left the report on your desk;call me when you land;we need more paper;
the train is delayed;thank you for your help;the door code has changed;see you at the station;the cake is ready;
I cannot come tomorrow;the parcel has arrived;lunch is on me today;remember the tickets;the printer is broken again;
our flight leaves at six;the dog is fed;please review my draft;the server is back online;rent is due on Friday""".replace(
    "\n", ""
).split(";")
CHORES = """water the plants;call the dentist;buy milk;pay the electricity bill;renew the passport;feed the cat;
take out the bins;book the hotel;send the invoice;pick up the kids;clean the oven;back up the laptop;change the filter;
order new glasses;wash the car;submit the tax form;charge the drill;return the library books""".replace("\n", "").split(
    ";"
)
STATES = """delayed;open;closed;in transit;approved;out of stock;cancelled;waiting for review;offline;running;paused;
delivered;on hold;fully booked;under repair;confirmed;expired;available""".replace("\n", "").split(";")
PLACES = """shelf B4;the north warehouse;dock 7;the second floor;Hall 3;gate A12;row 15;the blue cabinet;Platform 9;
the reception desk;locker 118;the east wing;bay 22;the cellar;Building C;the loading ramp""".replace("\n", "").split(
    ";"
)
DOMAINS = """example.com;openmaps.org;cityguide.net;books.example.org;news-today.com;greenfield.io;my-shop.co.uk;
docs.kestrel.dev;weatherlab.net;static.library.edu;blog.pinehill.org;wiki.oldtown.info;status.lumen.app""".replace(
    "\n", ""
).split(";")
PATHS = """about;contact;menu;prices.html;docs/install;news/2024/opening;team;faq;events/summer;products/42;index.html;
en/hours;posts/first-steps;guide/part-2;page;help;archive/1999;a/b/c.html;changelog""".replace("\n", "").split(";")
SYLLABLES = "ka lo mi ren tor vel zan dor quil bra sten mo fi gar hul pex ori nam tes bur wick lan der shire".split()

HELD_FRACTION = 5
"""One item in this many of each list is held out."""


@dataclass(frozen=True)
class Words:
    """A source of random values from the training part of every list, or from the held-out part."""

    random: Random
    held: bool

    def pick(self, items: list) -> object:
        """One item of this side's part of a list; every fifth item is held out."""
        side = [item for i, item in enumerate(items) if (i % HELD_FRACTION == HELD_FRACTION - 1) == self.held]
        return self.random.choice(side)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def integer(self, low: int = 2, high: int = 999) -> int:
        """An integer whose number of digits, rather than whose size, is uniform."""
        digits = self.random.randint(len(str(low)), len(str(high)))
        return self.random.randint(max(low, 10 ** (digits - 1)), min(high, 10**digits - 1))

    def decimal(self, low: float = 1, high: float = 500) -> float:
        return round(self.random.uniform(low, high), self.random.choice([1, 1, 2]))

    def name(self) -> str:
        first = self.pick(FIRST_NAMES)
        return f"{first} {self.pick(LAST_NAMES)}" if self.chance(0.3) else first

    def fullname(self) -> str:
        return f"{self.pick(FIRST_NAMES)} {self.pick(LAST_NAMES)}"

    def invented(self) -> str:
        """A capitalised word of no language."""
        return "".join(self.random.choices(SYLLABLES, k=self.random.choice([2, 2, 3]))).capitalize()

    def city(self) -> str:
        return self.invented() if self.chance(0.1) else self.pick(CITIES)

    def date(self) -> str:
        r = self.random
        return f"20{r.randint(20, 29)}-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}"

    def time(self) -> str:
        return f"{self.random.randint(0, 23):02d}:{self.random.choice([0, 5, 10, 15, 20, 30, 40, 45, 50]):02d}"

    def code(self) -> str:
        """An unguessable code in one of many shapes, such as `7-KR4-91`."""
        shape = self.random.choice(
            [
                "9-AA9-99",
                "AA99",
                "A9999",
                "AAA-999",
                "9999",
                "99999",
                "AA-9999-A",
                "999-999",
                "A9A9",
                "99AA99",
                "AAAA",
                "9A-9A-9A",
                "AAA9999",
                "aaaa-99",
                "hhhhhhhh",
                "A-99",
                "AA_999",
                "w-99",
                "w-w",
                "#9999",
                "W/99",
                "AAA.99.A",
                "99-99-99",
                "9999-AAAA",
            ]
        )
        table = {"9": string.digits, "A": string.ascii_uppercase, "a": string.ascii_lowercase, "h": "0123456789abcdef"}
        words = {"w": lambda: self.invented().lower(), "W": self.invented}
        return "".join(self.random.choice(table[c]) if c in table else words[c]() if c in words else c for c in shape)

    def email(self) -> str:
        return f"{self.pick(FIRST_NAMES).lower()}{self.random.choice(['', '.', '_'])}{self.pick(LAST_NAMES).lower()}@{self.pick(DOMAINS)}"

    def url(self) -> str:
        """A web address: hosts with ports, addresses, paths and queries included."""
        r = self.random
        host = r.choice(
            [
                self.pick(DOMAINS),
                self.pick(DOMAINS),
                f"www.{self.invented().lower()}.{r.choice(['com', 'org', 'net', 'de', 'io'])}",
                f"127.0.0.1:{r.randint(1024, 65535)}",
                f"localhost:{r.choice([3000, 8000, 8080, r.randint(1024, 65535)])}",
                f"{r.randint(1, 223)}.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}",
                f"{self.pick(DOMAINS)}:{r.choice([81, 8443, 9000])}",
            ]
        )
        path = r.choice(
            [
                "",
                "/",
                f"/{self.pick(PATHS)}",
                f"/{self.pick(PATHS)}",
                f"/{self.invented().lower()}",
                f"/{self.invented().lower()}.html",
            ]
        )
        query = (
            r.choice(["", "", "", f"?id={r.randint(1, 9999)}", f"?q={self.invented().lower()}&page={r.randint(1, 9)}"])
            if path
            else ""
        )
        return f"{r.choice(['http', 'https'])}://{host}{path}{query}"


def dumps(value: object) -> str:
    """JSON as GLM-4's prompts hold it."""
    return json.dumps(value, ensure_ascii=False)
