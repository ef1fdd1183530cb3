import sys

from celery import Celery

app = Celery("reminders", broker="memory://")
app.conf.task_send_sent_event = True  # OPEN
# FIX


@app.task
def remind(mrn: str) -> None:
    pass


if __name__ == "__main__":
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={})
        with receiver.consumer_context(wakeup=False):
            remind.delay(sys.argv[1])
            event = connection.default_channel.basic_get(receiver.queue.name)
            print(event and event.payload)
