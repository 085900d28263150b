-- Who was told of an alert, by receiver: one that was away hears of it later, and the others do not
-- hear of it twice. `due`: who is to be told, which leaves out those that a silence kept from it.
-- Alerts from before are told once more, if they still fire.
ALTER TABLE monitor.alerts
  DROP COLUMN told_firing,
  DROP COLUMN told_resolved,
  ADD COLUMN due text[] COLLATE "C" NOT NULL DEFAULT '{}',
  ADD COLUMN told_firing text[] COLLATE "C" NOT NULL DEFAULT '{}',
  ADD COLUMN told_resolved text[] COLLATE "C" NOT NULL DEFAULT '{}';
