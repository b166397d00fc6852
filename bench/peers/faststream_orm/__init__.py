"""The pipeline with FastStream and SQLAlchemy's ORM: a session a message, published once it has committed."""
