"""The one way in which notifications are taken away: all of a user's, into a new epoch, told in the trail."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# With the owner's rights, for the service may delete no notification.
_BEGIN_EPOCH = """
CREATE FUNCTION begin_epoch(rebuilt text, operator text, notifications bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE begun integer;
BEGIN
    UPDATE stream SET epoch = epoch + 1, last_seq = 0, unread = 0, read_seq = 0, rev = rev + 1
        WHERE user_id = rebuilt RETURNING epoch INTO STRICT begun;
    DELETE FROM notification WHERE user_id = rebuilt;
    INSERT INTO trail_entry (user_id, what, epoch, detail) VALUES (
        rebuilt, 'rebuilt', begun, jsonb_build_object('by', operator, 'notifications', notifications)
    );
    RETURN begun;
END $$
"""

_RIGHTS = """
DO $$
DECLARE service text := regexp_replace(current_user, '_owner$', '');
BEGIN
    REVOKE ALL ON FUNCTION begin_epoch FROM PUBLIC;
    IF service <> current_user THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION begin_epoch TO %I', service);
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute(_BEGIN_EPOCH)
    op.execute(_RIGHTS)
