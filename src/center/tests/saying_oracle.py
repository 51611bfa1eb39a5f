"""Says numbers, money and years as num2words does: the oracle of saying.rs.

The argument is a folder that num2words is installed into when it isn't there. Each line of the output is a kind, a
language, what is said, and its words: small letters, without hyphens, commas and the dots of «ё».
"""
import decimal
import importlib
import random
import subprocess
import sys

sys.path.insert(0, sys.argv[1])
try:
    from num2words import num2words
except ModuleNotFoundError:
    wanted = ["num2words==0.5.14"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", sys.argv[1]]
    subprocess.run(pip + wanted, check=True)
    importlib.invalidate_caches()
    from num2words import num2words

VALUES = 1000
LANGUAGES = {"ru": "ru", "kk": "kz", "en": "en"}
CURRENCIES = {"ru": ["KZT", "RUB", "USD", "EUR"], "kk": ["KZT", "USD"], "en": ["RUB", "USD", "EUR"]}


def tell(kind, language, value, words):
    plain = words.lower().replace(",", "").replace("-", " ").replace("ё", "е")
    print(kind, language, value, plain, sep="\t")


chance = random.Random(5123)
for language, theirs in LANGUAGES.items():
    for _ in range(VALUES):
        # All lengths alike, so that small numbers are not forgotten.
        number = chance.randrange(10 ** chance.randint(1, 12)) * chance.choice([1, 1, 1, -1])
        tell("number", language, number, num2words(number, lang=theirs))
    for _ in range(VALUES):
        currency = chance.choice(CURRENCIES[language])
        # A part that is nought is said by num2words and not by us.
        amount = decimal.Decimal(chance.randrange(1, 10 ** chance.randint(1, 9))) + decimal.Decimal(
            chance.randint(1, 99)) / 100
        tell(currency, language, amount, num2words(amount, lang=theirs, to="currency", currency=currency))
for year in range(1900, 2200):
    tell("year", "ru", year, num2words(year, lang="ru", to="ordinal", case="g", gender="m"))
    tell("year", "en", year, num2words(year, lang="en", to="year"))
