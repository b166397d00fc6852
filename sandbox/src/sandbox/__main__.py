"""``python -m sandbox payments`` and ``python -m sandbox sms`` run one provider each."""

from sandbox.main import main

main()
