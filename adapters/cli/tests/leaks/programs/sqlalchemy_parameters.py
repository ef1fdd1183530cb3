import sys

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

engine = create_engine(
    "sqlite://",
    # FIX,
)
# ADAPTER

if __name__ == "__main__":
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT * FROM patient WHERE mrn = :mrn"), {"mrn": sys.argv[1]})
    except OperationalError as problem:
        print(problem)
