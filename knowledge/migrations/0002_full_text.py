"""The full-text index beside SearchEntry: a tsvector column on PostgreSQL, an FTS5 table on SQLite. Written by
`knowledge.search`, never by triggers (Django's rebuild of SQLite tables drops them without a word)."""

from django.db import migrations

POSTGRES = (
    "ALTER TABLE knowledge_searchentry ADD COLUMN terms tsvector",
    "CREATE INDEX searchentry_terms ON knowledge_searchentry USING gin (terms)",
)
SQLITE = (
    "CREATE VIRTUAL TABLE knowledge_searchtext USING fts5(place, title, text, "
    "tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* Co M*'\")",
)
def make(apps, schema_editor):
    for statement in POSTGRES if schema_editor.connection.vendor == "postgresql" else SQLITE:
        schema_editor.execute(statement)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE knowledge_searchentry DROP COLUMN terms")
    else:
        schema_editor.execute("DROP TABLE knowledge_searchtext")


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0001_help_centre")]
    operations = [migrations.RunPython(make, drop)]
