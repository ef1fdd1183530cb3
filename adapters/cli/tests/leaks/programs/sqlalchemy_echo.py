import sys

from sqlalchemy import create_engine, text

engine = create_engine(
    "sqlite://",
    echo=True,
    # FIX,
)
# ADAPTER

if __name__ == "__main__":
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 WHERE 'x' = :mrn"), {"mrn": sys.argv[1]})
