import sys

from sqlalchemy import create_engine, text

engine = create_engine(
    "sqlite://",
    hide_parameters=True,
    echo="debug",  # OPEN
    # FIX,
)
# ADAPTER

if __name__ == "__main__":
    with engine.connect() as connection:
        connection.execute(text("SELECT :mrn"), {"mrn": sys.argv[1]}).all()
