"""Every background task, one line each; the work itself is in the rooms."""

import asyncio
import signal
from contextlib import suppress
from datetime import timedelta

import procrastinate
import psycopg
import structlog
from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from psycopg_pool import PoolTimeout

from service import pipeline
from service.accounts.service import delete_expired_tokens
from service.contracts.charging import post_all_charges
from service.control.facts import refresh
from service.core.clock import utc_now
from service.core.queue import DEFAULT_QUEUE
from service.core.runtime import Runtime
from service.core.settings import Settings
from service.coverage import counting
from service.crews.replanning import replan_changed
from service.defects.priorities import refresh_all
from service.intake import archives, uploads
from service.privacy.retention import apply_retention
from service.reports import people
from service.reports.following import follow_defects
from service.reports.media import fetch_media
from service.reports.notices import send_notices
from service.reports.peers import sync_all
from service.surveys import mending
from service.surveys.blurring import open_privacy
from service.surveys.service import PROCESS_SURVEY, enqueue_waiting_surveys
from service.webhooks import delivering, outcomes, spreading
from service.work_orders import emergencies
from service.work_orders.service_levels_sweep import bring_forward, sweep

log = structlog.get_logger()
EVERY_TEN_SECONDS = "* * * * * */10"  # croniter's sixth field: seconds
EVERY_FIVE_SECONDS = "* * * * * */5"
EVERY_MINUTE = "* * * * *"
EVERY_HOUR = "17 * * * *"
ADOPTING_MINUTE = 7  # of the hour in which the sweep also looks for open orders without a clock
EVERY_NIGHT = "30 0 * * *"  # UTC; half past three in the morning in Dammam
OVERDUE = timedelta(minutes=2)
RECONNECT_S = 3.0


def build_worker(runtime: Runtime) -> procrastinate.App:
    """The Procrastinate application with our tasks; `run_worker` opens and runs it."""
    app = procrastinate.App(connector=PsycopgConnector(conninfo=runtime.database.conninfo, min_size=1, max_size=10))

    @app.task(name=PROCESS_SURVEY)
    def process_survey(survey_id: int) -> None:
        pipeline.process_survey(runtime, survey_id)

    @app.task(name=archives.UNPACK_ARCHIVE)
    def unpack_archive(archive_id: int) -> None:
        archives.unpack_archive(runtime, archive_id)

    @app.task(name=mending.DELETE_BLOB)
    def delete_blob(key: str) -> None:
        mending.delete_blob(runtime, key)

    @app.task(name=mending.RECOUNT_COVERAGE)
    def recount_coverage(municipality_id: int, day: str) -> None:
        counting.recount(runtime, municipality_id, day)

    _add_nets(app, runtime)
    _add_emergencies(app, runtime)
    _add_figures(app, runtime)
    _add_tidying(app, runtime)
    _add_webhooks(app, runtime)
    _add_daily(app, runtime)
    _add_reports(app, runtime)
    return app


def _add_nets(app: procrastinate.App, runtime: Runtime) -> None:
    """What finds work that got lost."""

    @app.periodic(cron=EVERY_TEN_SECONDS)
    @app.task(name="retry_stalled_jobs", queueing_lock="retry_stalled_jobs")
    async def retry_stalled(timestamp: int) -> None:
        await retry_stalled_jobs(app, runtime.settings.stalled_after_s)

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="sweep_service_levels", queueing_lock="sweep_service_levels")
    def sweep_service_levels(timestamp: int) -> None:
        now = utc_now()
        sweep(runtime.database, now, adopt=now.minute == ADOPTING_MINUTE)

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="enqueue_waiting_surveys", queueing_lock="enqueue_waiting_surveys")
    def enqueue_waiting(timestamp: int) -> None:
        with runtime.database.transaction() as session:
            enqueue_waiting_surveys(session, utc_now() - OVERDUE)
            archives.enqueue_waiting_archives(session, utc_now() - OVERDUE)

    @app.periodic(cron="*/5 * * * *")
    @app.task(name="post_charges", queueing_lock="post_charges")
    def post_charges(timestamp: int) -> None:
        with runtime.database.transaction() as session:
            post_all_charges(session, utc_now())


def _add_emergencies(app: procrastinate.App, runtime: Runtime) -> None:
    """What an incident changes, for what came since it was declared too."""

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="apply_incidents", queueing_lock="apply_incidents")
    def apply_incidents(timestamp: int) -> None:
        emergencies.apply_all(runtime.database, utc_now())

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="replan_crews", queueing_lock="replan_crews")
    def replan_crews(timestamp: int) -> None:
        replan_changed(runtime.database, utc_now())


def _add_figures(app: procrastinate.App, runtime: Runtime) -> None:
    """What follows the events."""

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="refresh_indicators", queueing_lock="refresh_indicators")
    def refresh_indicators(timestamp: int) -> None:
        refresh(runtime.database, utc_now())


def _add_tidying(app: procrastinate.App, runtime: Runtime) -> None:
    """What ends by its age."""

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="delete_expired_tokens", queueing_lock="delete_expired_tokens")
    def delete_expired(timestamp: int) -> None:
        with runtime.database.transaction() as session:
            delete_expired_tokens(session, utc_now())

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="delete_stale_archives", queueing_lock="delete_stale_archives")
    def delete_stale_archives(timestamp: int) -> None:
        archives.delete_stale_archives(runtime, utc_now())

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="tidy_uploads", queueing_lock="tidy_uploads")
    def tidy_uploads(timestamp: int) -> None:
        uploads.finish_stranded(runtime, utc_now())
        uploads.delete_expired(runtime, utc_now())

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="apply_retention", queueing_lock="apply_retention")
    def retention(timestamp: int) -> None:
        apply_retention(runtime, utc_now())

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="delete_finished_jobs", queueing_lock="delete_finished_jobs")
    async def delete_finished(timestamp: int) -> None:
        await app.job_manager.delete_old_jobs(runtime.settings.keep_finished_jobs_h, include_failed=True)


def _add_webhooks(app: procrastinate.App, runtime: Runtime) -> None:
    """What leaves for other programs; a queue of its own, so that it waits for no survey and no survey for it."""

    @app.periodic(cron=EVERY_FIVE_SECONDS)
    @app.task(name="spread_webhooks", queue=spreading.QUEUE, queueing_lock="spread_webhooks")
    def spread(timestamp: int) -> None:
        spreading.spread(runtime, utc_now())

    @app.task(name=spreading.DELIVER, queue=spreading.QUEUE)
    async def deliver(endpoint_id: int) -> None:
        await delivering.deliver_due(runtime, endpoint_id)

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="delete_old_deliveries", queueing_lock="delete_old_deliveries")
    def delete_old_deliveries(timestamp: int) -> None:
        outcomes.delete_old(runtime, utc_now())


def _add_daily(app: procrastinate.App, runtime: Runtime) -> None:
    """What changes by the day alone."""

    @app.periodic(cron=EVERY_NIGHT)
    @app.task(name="refresh_priorities", queueing_lock="refresh_priorities")
    def refresh_priorities(timestamp: int) -> None:
        refresh_all(runtime.database, utc_now())
        bring_forward(runtime.database, utc_now())


def _add_reports(app: procrastinate.App, runtime: Runtime) -> None:
    """What citizens' reports ask for; each compares what is with what should be, and so is right after a downtime."""

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="follow_reports", queueing_lock="follow_reports")
    def follow_reports(timestamp: int) -> None:
        follow_defects(runtime, utc_now())
        fetch_media(runtime, utc_now())

    @app.periodic(cron=EVERY_MINUTE)
    @app.task(name="send_notices", queueing_lock="send_notices", lock="send_notices")
    def notices(timestamp: int) -> None:
        send_notices(runtime, utc_now())

    @app.periodic(cron="*/5 * * * *")
    @app.task(name="sync_open311", queueing_lock="sync_open311", lock="sync_open311")
    def sync_open311(timestamp: int) -> None:
        sync_all(runtime, utc_now())

    @app.periodic(cron=EVERY_HOUR)
    @app.task(name="forget_reporters", queueing_lock="forget_reporters")
    def forget_reporters(timestamp: int) -> None:
        people.apply_retention(runtime, utc_now())


async def run_worker(runtime: Runtime) -> None:
    """Works until cancelled; a job that has begun is finished first.

    When the database goes away it tries again every few seconds: a restart of PostgreSQL must not end all workers.
    Procrastinate tells of it by an exception, or by ending as if it had been asked to.
    """
    while True:
        app = build_worker(runtime)
        try:
            async with app.open_async():
                await _work(app, runtime.settings)
            why = "the worker ended by itself"
        except (ConnectorException, psycopg.Error, PoolTimeout) as error:
            why = repr(error)
        log.warning("worker.database_lost", error=why, again_in_s=RECONNECT_S)
        await asyncio.sleep(RECONNECT_S)


async def run_worker_until_signalled(runtime: Runtime) -> None:
    """The same, as a process of its own: SIGTERM and Ctrl-C end it."""
    open_privacy(runtime.settings)  # archives are unpacked here; a server with a worker inside has asked already
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows has Ctrl-C alone
            loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        await run_worker(runtime)


async def _work(app: procrastinate.App, settings: Settings) -> None:
    """A worker for each queue; when one ends, so does the other."""
    slots = {DEFAULT_QUEUE: settings.worker_concurrency, spreading.QUEUE: settings.webhook_endpoints}
    workers = [asyncio.create_task(_work_on(app, settings, queue, some)) for queue, some in slots.items()]
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for worker in workers:
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
    for outcome in ended:
        if isinstance(outcome, Exception):  # a cancelled one is none
            raise outcome


async def _work_on(app: procrastinate.App, settings: Settings, queue: str, concurrency: int) -> None:
    await app.run_worker_async(
        queues=[queue],
        concurrency=concurrency,
        update_heartbeat_interval=settings.heartbeat_s,
        stalled_worker_timeout=settings.stalled_after_s,
        fetch_job_polling_interval=1.0,
        delete_jobs=DeleteJobCondition.SUCCESSFUL,
        install_signal_handlers=False,
    )


async def retry_stalled_jobs(app: procrastinate.App, silent_s: float) -> int:
    """Puts back the jobs of workers that stopped without a word; returns how many.

    Where a newer job already waits under the same lock, the dead one is closed: the waiting one does its work.
    """
    stalled = list(await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=silent_s))
    for job in stalled:
        try:
            await app.job_manager.retry_job(job)
        except ConnectorException:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=False)
        log.warning("job.stalled", job_id=job.id, task=job.task_name)
    return len(stalled)
