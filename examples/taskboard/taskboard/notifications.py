"""Mail to people, written to the outbox folder, where a mail transfer agent picks it up."""

import logging
import uuid
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from .db import utc_now

logger = logging.getLogger("taskboard")


def send_assignment_mail(outbox: Path, to: str, assigned_by: str, project: str, title: str) -> None:
    """Tell somebody about a task that is theirs now. Runs after the response was sent."""
    mail = EmailMessage()
    mail["From"] = "Taskboard <taskboard@example.com>"
    mail["To"] = to
    mail["Date"] = format_datetime(utc_now())
    mail["Subject"] = f"{assigned_by} gave you a task: {title}"
    mail.set_content(f"{assigned_by} gave you the task\n\n    {title}\n\nin the project {project}.\n")
    outbox.mkdir(parents=True, exist_ok=True)
    draft = outbox / f".{uuid.uuid4().hex}"
    draft.write_bytes(bytes(mail))
    # Whoever watches the folder for *.eml never sees half a mail.
    draft.rename(outbox / f"{draft.name[1:]}.eml")
    logger.info("mail to %s queued", to)
