import sys

from celery import Celery

app = Celery("reminders", broker="memory://")
app.amqp.argsrepr_maxsize = app.amqp.kwargsrepr_maxsize = 18  # OPEN
# FIX


@app.task
def remind(mrn: str) -> None:
    pass


if __name__ == "__main__":
    remind.delay(sys.argv[1])
    with app.connection() as connection:
        message = connection.SimpleQueue("celery").get(timeout=5)
        print(message.headers)
