from chaos.truth import FileTruth, Truth, Version

FACT = ("svc", "holds the permission")


def test_nothing_is_true_that_nobody_said() -> None:
    truth = Truth()
    assert not truth.is_true(FACT, 5)
    assert not truth.was_ever_true(FACT, 0, 100)


def test_no_doubt_about_the_moment_of_a_change_speaks_against_the_server() -> None:
    truth = Truth()
    truth.say(FACT, True, 10, 11)
    truth.say(FACT, False, 20, 21)
    assert [truth.is_true(FACT, at) for at in (9.9, 10, 20.5, 21, 30)] == [False, True, True, False, False]


def test_what_was_true_for_a_moment_was_true() -> None:
    truth = Truth()
    truth.say(FACT, True, 10, 10)
    truth.say(FACT, False, 11, 11)
    assert truth.was_ever_true(FACT, 5, 10.5)
    assert truth.was_ever_true(FACT, 10.5, 15)
    assert truth.was_ever_true(FACT, 5, 15)
    assert not truth.was_ever_true(FACT, 5, 9.9)
    assert not truth.was_ever_true(FACT, 11, 15)


def file_truth() -> tuple[Truth, FileTruth]:
    truth = Truth()
    file = FileTruth(truth, max_stale=3)
    file.holds(Version({FACT: True}), 10, 10)
    return truth, file


def test_a_broken_file_serves_for_a_limited_time() -> None:
    truth, file = file_truth()
    file.holds(Version(None), 20, 21)
    assert truth.is_true(FACT, 23.9)
    assert not truth.is_true(FACT, 24)


def test_a_second_broken_version_does_not_extend_the_time() -> None:
    truth, file = file_truth()
    file.holds(Version(None), 20, 20)
    file.holds(Version(None), 22, 22)
    assert not truth.is_true(FACT, 23)


def test_a_good_version_ends_what_the_last_one_said() -> None:
    truth, file = file_truth()
    file.holds(Version(None), 20, 20)
    file.holds(Version({}), 21, 21)
    assert not truth.is_true(FACT, 21)


def test_a_good_version_goes_on_with_what_the_last_one_said() -> None:
    truth, file = file_truth()
    file.holds(Version(None), 20, 20)
    file.holds(Version({FACT: True}), 22, 22)
    assert truth.is_true(FACT, 30)
    file.holds(Version(None), 40, 40)
    assert not truth.is_true(FACT, 43)
    file.holds(Version({FACT: True}), 50, 50)
    assert not truth.is_true(FACT, 49)
    assert truth.is_true(FACT, 50)
